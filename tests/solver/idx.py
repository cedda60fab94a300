"""Directories of IDX files, as image datasets come."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np


def write_idx(path: Path, array: np.ndarray) -> None:
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def idx_directory(path: Path, n_train: int = 30, n_test: int = 20) -> np.ndarray:
    generator = np.random.default_rng(0)
    grey = generator.integers(0, 256, (n_train, 28, 28))
    write_idx(path / "train-images-idx3-ubyte.gz", grey)
    write_idx(path / "train-labels-idx1-ubyte", np.arange(n_train) % 10)
    write_idx(path / "t10k-images-idx3-ubyte", generator.integers(0, 256, (n_test, 28, 28)))
    write_idx(path / "t10k-labels-idx1-ubyte.gz", np.arange(n_test) % 10)
    return grey
