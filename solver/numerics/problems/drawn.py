"""What every problem is once it is drawn or read: data to fit, and what of it is kept with the run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]


class DrawnProblem(ABC):
    """The data that a spec and a seed determine."""

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the modes of what is fitted; of images, rows and columns."""

    @classmethod
    @abstractmethod
    def draw(cls, spec: Any, seed: int) -> DrawnProblem:
        """The problem of ``spec`` and ``seed``. Raises BadSetting where data cannot be read."""

    @classmethod
    @abstractmethod
    def restore(cls, spec: Any, seed: int, kept: Arrays) -> DrawnProblem:
        """The same from the arrays that were kept: what was read and drawn at the start, whatever became of a file."""

    @property
    def zero_loss(self) -> float:
        """The training loss of predicting zero, where losses can be any small part of it; 0 where they cannot."""
        return 0.0

    @abstractmethod
    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """What is kept with the run; what the spec can draw again need not be."""
