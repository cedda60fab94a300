"""What a run's problems are, read from problem.npz: the ground truth, which entries are observed, and their names."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from solver import npz
from solver.biases import Biases
from solver.tables.table import mode_name

Arrays = Mapping[str, tuple[tuple[int, ...], "array[float]"]]


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """One problem; entries are counted row by row, in the unit of the file where there is one."""

    shape: tuple[int, ...]
    ground_truth: array[float] | None
    """None where only entries are given, or where it was not kept."""
    observed: dict[int, float]
    """The entries trained on by place; empty for measurements and images."""
    held_out: dict[int, float] = {}
    """Entries of a file that are held out, those by which the best step is chosen among them."""
    centre: Biases | None = None
    """What was taken out of a file's values before they were fitted; None where nothing was."""
    ids: list[list[str | int]] = []
    """By mode, what the file calls each place; none without a file."""
    names: list[str] = []
    """By mode, what the file calls its ids."""
    value_name: str = ""

    def name(self, mode: int, place: int) -> str:
        """What the file calls a row, a column, or an index of another mode."""
        known = self.ids[mode] if mode < len(self.ids) else []
        return str(known[place]) if place < len(known) else str(place)

    def mode_name(self, mode: int) -> str:
        """What a mode is called."""
        return mode_name(self.names, mode, len(self.shape))

    def in_unit(self, values: Sequence[float]) -> Sequence[float]:
        """An end matrix or tensor, row by row, with the centre given back."""
        if self.centre is None or len(values) != math.prod(self.shape):
            return values
        added: Sequence[float] = [self.centre.mean]
        for mode, size in enumerate(self.shape):
            of_mode = self.centre.modes[mode] or [0.0] * size
            added = [before + more for before in added for more in of_mode]
        return [value + more for value, more in zip(values, added, strict=True)]


def read(path: Path) -> list[Truth]:
    """The problems of problem.npz; none where it is missing or damaged."""
    try:
        arrays = npz.read(path)
        found: list[Truth] = []
        while f"{len(found)}.shape" in arrays:
            found.append(_problem(arrays, len(found)))
    except (OSError, ValueError, KeyError, IndexError, OverflowError, TypeError):
        return []
    return found


def _problem(arrays: Arrays, k: int) -> Truth:
    shape = tuple(int(size) for size in arrays[f"{k}.shape"][1])
    kept = arrays.get(f"{k}.ground_truth")
    is_whole = kept is not None and len(kept[1]) == math.prod(shape)
    named = names_of(arrays, k)
    return Truth(
        shape=shape,
        ground_truth=kept[1] if kept is not None and is_whole else None,
        observed=_by_place(arrays, f"{k}.", shape),
        held_out=_by_place(arrays, f"{k}.test_", shape) | _by_place(arrays, f"{k}.validation_", shape),
        centre=centre_of(arrays, k),
        ids=named.ids,
        names=named.names,
        value_name=named.value_name,
    )


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What a file calls things."""

    ids: list[list[str | int]] = []
    names: list[str] = []
    value_name: str = ""


def names_of(arrays: Arrays, k: int) -> Named:
    """The ids and names of a problem's file; none without one. Raises ValueError for damage."""
    kept = arrays.get(f"{k}.ids")
    return Named() if kept is None else msgspec.json.decode(bytes(int(code) for code in kept[1]), type=Named)


def centre_of(arrays: Arrays, k: int) -> Biases | None:
    """What was taken out of a problem's values; None where nothing was."""
    kept = arrays.get(f"{k}.centre")
    if kept is None:
        return None
    n_modes = len(arrays[f"{k}.shape"][1])
    modes = [arrays[f"{k}.centre.{mode}"][1] for mode in range(n_modes)]
    centre = Biases(mean=kept[1][0], modes=modes)
    return centre if centre.mean or any(any(added) for added in modes) else None


def _by_place(arrays: Arrays, prefix: str, shape: tuple[int, ...]) -> dict[int, float]:
    if f"{prefix}indices" not in arrays:
        return {}
    strides = [math.prod(shape[mode + 1 :]) for mode in range(len(shape))]
    (n, modes), indices = arrays[f"{prefix}indices"]
    values = arrays[f"{prefix}values"][1]
    found: dict[int, float] = {}
    for entry in range(n):
        place = sum(int(indices[entry * modes + mode]) * strides[mode] for mode in range(modes))
        found[place] = values[entry]
    return found
