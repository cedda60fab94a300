"""Random orthonormal columns."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def orthonormal(rows: int, columns: int, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """(rows, columns) with orthonormal columns, uniformly distributed (Haar); at least as many rows as columns."""
    q, r = np.linalg.qr(generator.standard_normal((rows, columns)))
    # The signs of R's diagonal make the distribution uniform.
    signed: npt.NDArray[np.float64] = q * np.sign(np.diag(r))
    return signed
