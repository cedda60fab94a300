"""Image datasets: the two of one bit a pixel that ship with the package, and directories of IDX files."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import io
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from solver.data_files import IDX_FILES
from solver.refusal import BadSetting
from solver.spec import ImageTensor

Bytes = npt.NDArray[np.uint8]

N_PIXELS = ImageTensor.N_PIXELS
# A pixel is on from this grey value: round(grey / 255) is 1.
_ON = 128

_DIRECTORY = Path(__file__).parents[2] / "data"
_SHIPPED = {
    "mnist": ("mnist-binary.npz", "7da63d33b581b40fab65cd318b894f60c990d153e783a1d58f3bc6b3c52bfd35"),
    "fashion-mnist": ("fashion-mnist-binary.npz", "a6f0c26b99373f0776a178db0d6a588bfe130d3d80c8a0ccf7eb5c98c30dfced"),
}
_IDX_FILES = dict(zip(("train_images", "train_labels", "test_images", "test_labels"), IDX_FILES, strict=True))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dataset:
    """Labelled images in their original order: eight pixels to a byte, the first in the highest bit, or grey values."""

    train_images: Bytes
    """(images, 98), or (images, 784) of grey values."""
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes


@functools.lru_cache(maxsize=2)
def load(name: str, *, grey: bool = False) -> Dataset:
    """The dataset ``mnist`` or ``fashion-mnist`` that ships with the package, or the directory of IDX files ``name``.

    With ``grey`` the grey values of a directory, which are rounded to one bit otherwise. Raises BadSetting where a file
    is missing, damaged, or not what it should be.
    """
    if name in _SHIPPED:
        return _shipped(name)
    directory = Path(name)
    if not directory.is_dir():
        raise _bad(f"{name} is neither mnist, fashion-mnist nor a directory: name one of these")
    arrays = {part: _idx(directory, file) for part, file in _IDX_FILES.items()}
    for part in ("train", "test"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if images.ndim != 3 or images.shape[1] * images.shape[2] != N_PIXELS or labels.shape != images.shape[:1]:
            shapes = f"{list(images.shape)} and {list(labels.shape)}"
            raise _bad(f"{directory.name}: its {part} files have shapes {shapes}: they must be [n, 28, 28] and [n]")
        flat = images.reshape(len(images), N_PIXELS)
        arrays[f"{part}_images"] = flat if grey else np.packbits(flat >= _ON, axis=1)
    return Dataset(**arrays)


def _shipped(name: str) -> Dataset:
    file, checksum = _SHIPPED[name]
    try:
        data = (_DIRECTORY / file).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _bad(f"{name}: its file {file} cannot be read ({reason}): install the package again") from None
    if hashlib.sha256(data).hexdigest() != checksum:
        raise _bad(f"{name}: its file {file} is damaged (its SHA-256 is another): install the package again")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return Dataset(**{field.name: arrays[field.name] for field in dataclasses.fields(Dataset)})


def _idx(directory: Path, file: str) -> Bytes:
    """The array of an IDX file of unsigned bytes, gz or not."""
    path = next((path for path in (directory / file, directory / f"{file}.gz") if path.is_file()), None)
    if path is None:
        raise _bad(f"{directory.name} has no {file} or {file}.gz: put the four IDX files there")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise _bad(f"{path.name} cannot be read ({error}): fetch it again") from None
    n_modes = data[3] if len(data) > 4 else 0
    start = 4 + 4 * n_modes
    if data[:3] != b"\0\0\x08" or len(data) < start:
        raise _bad(f"{path.name} is not an IDX file of bytes: fetch it again")
    shape = [int(size) for size in np.frombuffer(data[4:start], dtype=">u4")]
    if len(data) - start != int(np.prod(shape, dtype=np.int64)):
        raise _bad(f"{path.name} is cut or too long for its shape {shape}: fetch it again")
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)


def _bad(what: str) -> BadSetting:
    return BadSetting(f"problem.dataset {what}", "problem.dataset")
