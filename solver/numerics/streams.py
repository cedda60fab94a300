"""The random streams of a seed."""

from __future__ import annotations

from typing import Literal

import numpy as np

Name = Literal["ground truth", "observed entries", "noise", "initialisation", "test images", "labels"]
_KEYS: dict[Name, int] = {
    "ground truth": 0,
    "observed entries": 1,
    "noise": 2,
    "initialisation": 3,
    "test images": 4,
    "labels": 5,
}


def stream(seed: int, name: Name) -> np.random.Generator:
    """An independent generator for one use of ``seed``.

    Lanes of one seed share the ground truth, the observed entries and the noise whatever else differs. NumPy's
    generators give the same numbers on every platform and device.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(_KEYS[name],))))
