"""Entries with ids as they come, mapped to places from zero."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from solver.refusal import BadSetting
from solver.tables.gathering import Gathered

MAX_DIMENSION = 20_000
MAX_VALUE = 1e100
_MISSING = {"nan", "na", "n/a", "null", "none", "<na>", "nat"}
Separator = Literal["auto", "comma", "tab", "semicolon", "colons", "bar", "spaces"]
Ids = Sequence[str | int]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is to be understood; ``auto`` leaves it to the file."""

    layout: Literal["auto", "list", "table"] = "auto"
    columns: tuple[str | int, ...] | None = None
    separator: Separator = "auto"
    header: Literal["auto", "yes", "no"] = "auto"
    decimal: Literal["auto", "point", "comma"] = "auto"
    repeated: Literal["refuse", "mean", "first", "last"] = "refuse"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of a file in its order, an entry of the matrix or tensor once."""

    format: str
    """What the file was understood as, in words."""
    names: list[str]
    """What the file calls the modes; empty words where it does not."""
    value_name: str
    shape: tuple[int, ...]
    ids: list[Ids]
    """By mode, the id of each place; shorter than the mode where a larger size was asked for."""
    is_mapped: list[bool]
    """By mode, whether places are other numbers than the ids."""
    indices: list[array[int]]
    """By mode, the place of each entry."""
    values: array[float]
    n_repeated: int
    """Lines that gave an entry again."""
    remarks: list[str]
    """What was passed over or made of it, in words."""


def refused(path: Path, what: str) -> BadSetting:
    """A file that cannot be used."""
    return BadSetting(f"problem.file {path.name}: {what}", "problem.file")


def table_of(
    path: Path, gathered: Gathered, reading: Reading, shape: tuple[int, ...] | None, packed: str = ""
) -> Table:
    """The table of what was gathered. Raises BadSetting for entries that make no problem."""
    _check_values(path, gathered)
    if not gathered.values:
        raise refused(path, "has no entries: give one row,column,value a line")
    if shape is not None and len(shape) != len(gathered.codes):
        raise BadSetting(
            f"problem.shape has {len(shape)} sizes, and {path.name} entries with {len(gathered.codes)} indices: give "
            "one for each, leave it out, or choose problem.columns",
            "problem.shape",
        )
    _check_ids(path, gathered)
    ids: list[Ids] = []
    mapped: list[bool] = []
    indices: list[array[int]] = []
    sizes: list[int] = []
    for mode, found in enumerate(gathered.ids):
        asked = None if shape is None else shape[mode]
        said = None if gathered.sizes is None else gathered.sizes[mode]
        own, places = _places(found, asked, said)
        n = len(own)
        ids.append(own)
        mapped.append(any(name != place for place, name in enumerate(own)))
        indices.append(array("q", [places[code] for code in gathered.codes[mode]]))
        sizes.append(n)
    _check_sizes(path, gathered, tuple(sizes), shape)
    indices, values, n_repeated = _once(path, gathered, indices, reading.repeated)
    remarks = list(gathered.remarks)
    if n_repeated:
        remarks.append(f"{n_repeated} lines give an entry again: {_KEPT[reading.repeated]} (problem.repeated)")
    n_zeros = values.count(0.0)
    if n_zeros == len(values) or len(values) == math.prod(sizes) < 2 * n_zeros:
        remarks.append(f"{n_zeros} of {len(values)} values are 0, and count as given: leave out those that nobody gave")
    if gathered.sizes is None:
        remarks += _said_of_ids(gathered, ids, mapped)
    return Table(
        format=gathered.format + (f", {packed}" if packed else ""),
        names=gathered.names,
        value_name=gathered.value_name,
        shape=tuple(sizes) if shape is None else shape,
        ids=ids,
        is_mapped=mapped,
        indices=indices,
        values=values,
        n_repeated=n_repeated,
        remarks=remarks,
    )


_KEPT = {"mean": "their mean is taken", "first": "the first is kept", "last": "the last is kept"}
_MODES = ("row", "column")


def mode_name(names: Sequence[str], mode: int, n_modes: int) -> str:
    """What a mode is called: by the file, else row and column, or mode 0, mode 1, …"""
    if mode < len(names) and names[mode]:
        return names[mode]
    return _MODES[mode] if n_modes == 2 else f"mode {mode}"


def _said_of_ids(gathered: Gathered, ids: list[Ids], mapped: list[bool]) -> list[str]:
    said = []
    for mode, is_mapped in enumerate(mapped):
        if is_mapped:
            name = mode_name(gathered.names, mode, len(ids))
            first, last = ids[mode][0], ids[mode][-1]
            said.append(f"{name} ids {first} … {last} are places 0 … {len(ids[mode]) - 1}")
    return said


def _check_values(path: Path, gathered: Gathered) -> None:
    bad = [place for place, value in enumerate(gathered.values) if not math.isfinite(value)]
    if bad:
        count = "1 value that is" if len(bad) == 1 else f"{len(bad)} values that are"
        where = ", ".join(_where(gathered, place) for place in bad[:3]) + (", …" if len(bad) > 3 else "")
        raise refused(path, f"has {count} not finite ({where}): remove or correct {'it' if len(bad) == 1 else 'them'}")
    if not gathered.values:
        return
    largest = max(max(gathered.values), -min(gathered.values))
    if largest > MAX_VALUE:
        raise refused(path, f"has values up to {largest:.3g}, and {MAX_VALUE:g} is the most: divide them by a number")


def _check_ids(path: Path, gathered: Gathered) -> None:
    """Refuses an id that is missing: among numbers NaN and NA are none, among words they may be names."""
    for mode, found in enumerate(gathered.ids):
        missing = {code for code, name in enumerate(found) if str(name).lower() in _MISSING}
        if missing and _whole([name for code, name in enumerate(found) if code not in missing]) is not None:
            place = next(place for place, code in enumerate(gathered.codes[mode]) if code in missing)
            name = mode_name(gathered.names, mode, len(gathered.ids))
            raise refused(
                path,
                f"{_where(gathered, place)} has no {name} id but {found[gathered.codes[mode][place]]}: fill it in or "
                "remove it, or choose problem.columns",
            )


def _where(gathered: Gathered, place: int) -> str:
    return f"entry {place + 1}" if gathered.lines is None else f"line {gathered.lines[place]}"


def _places(found: Sequence[str | int], asked: int | None, said: int | None) -> tuple[Ids, list[int]]:
    """The id of each place, and the place of each id found.

    Ids that are whole numbers are places themselves where the file says so, or where a size was asked for and they are
    below it. Otherwise they are counted in their order: numbers by size, words by letter.
    """
    whole = _whole(found)
    if whole is not None:
        size = said if said is not None else asked
        if size is not None and min(whole, default=0) >= 0 and max(whole, default=0) < size:
            return range(size), whole
        own: Ids = sorted(set(whole))
        order = {name: place for place, name in enumerate(own)}
        return own, [order[name] for name in whole]
    words = [str(name) for name in found]
    sorted_words = sorted(set(words), key=_by_size_then_letter)
    order_of_words = {name: place for place, name in enumerate(sorted_words)}
    return sorted_words, [order_of_words[name] for name in words]


def _by_size_then_letter(name: str) -> tuple[bool, int, str]:
    """Numbers before words, where both are among the ids."""
    whole = _whole([name])
    return whole is None, 0 if whole is None else whole[0], name


# More digits are none of a number that is counted with.
_MOST_DIGITS = 18


def _whole(found: Sequence[str | int]) -> list[int] | None:
    """The ids as whole numbers, 1.0 being 1; None where one is not, or where a leading zero belongs to it."""
    if isinstance(found, range):
        return list(found)
    whole = []
    for name in found:
        if isinstance(name, int):
            whole.append(name)
            continue
        digits = name.removeprefix("-").removeprefix("+")
        body, point, rest = digits.partition(".")
        # As of a float column: 1.0 and 2.0e+01; 12e4 may be part of a hash.
        if "e" in digits.lower() and ("." in digits or "+" in digits):
            try:
                value = float(name)
            except ValueError:
                return None
            if not value.is_integer() or abs(value) >= 2**53:
                return None
            whole.append(int(value))
            continue
        is_whole = body.isascii() and body.isdigit() and len(body) <= _MOST_DIGITS and not rest.strip("0")
        if (
            len(name) - len(digits) > 1
            or not is_whole
            or (len(body) > 1 and body[0] == "0")
            or (point and not rest and not body)
        ):
            return None
        whole.append(int(name[: len(name) - len(digits)] + body))
    return whole


def _check_sizes(path: Path, gathered: Gathered, sizes: tuple[int, ...], shape: tuple[int, ...] | None) -> None:
    for mode, size in enumerate(sizes):
        if size > MAX_DIMENSION:
            name = mode_name(gathered.names, mode, len(sizes))
            raise refused(path, f"has {size} different {name} ids, and {MAX_DIMENSION} is the most: give fewer of them")
    if shape is not None and any(size > asked for size, asked in zip(sizes, shape, strict=True)):
        raise BadSetting(
            f"problem.shape {_shown(shape)} is too small for {path.name}, whose ids need {_shown(sizes)}: enlarge it, "
            "or leave it out",
            "problem.shape",
        )


def _once(
    path: Path, gathered: Gathered, indices: list[array[int]], repeated: str
) -> tuple[list[array[int]], array[float], int]:
    """The entries, each once; and how many were given again."""
    strides = [1] * len(indices)
    for mode in range(len(indices) - 2, -1, -1):
        strides[mode] = strides[mode + 1] * (max(indices[mode + 1]) + 1)
    flat = [0] * len(gathered.values)
    for column, stride in zip(indices, strides, strict=True):
        flat = [at + place * stride for at, place in zip(flat, column, strict=True)]
    if len(set(flat)) == len(flat):
        return indices, gathered.values, 0
    first: dict[int, int] = {}
    kept: dict[int, list[int]] = {}
    for place, entry in enumerate(flat):
        kept.setdefault(first.setdefault(entry, place), []).append(place)
    n_repeated = len(flat) - len(kept)
    if repeated == "refuse":
        one = next(places for places in kept.values() if len(places) > 1)
        named = ",".join(str(found[code[one[1]]]) for found, code in zip(gathered.ids, gathered.codes, strict=True))
        raise refused(
            path,
            f"{_where(gathered, one[1])} gives entry {named} again (first on {_where(gathered, one[0])}"
            + (f"; {n_repeated} such lines" if n_repeated > 1 else "")
            + "): keep one value for each entry, or set problem.repeated to mean, first or last",
        )
    values = array("d")
    for places in kept.values():
        given = [gathered.values[place] for place in places]
        values.append({"mean": math.fsum(given) / len(given), "first": given[0], "last": given[-1]}[repeated])
    return [array("q", [column[place] for place in kept]) for column in indices], values, n_repeated


def _shown(shape: Sequence[int]) -> str:
    return " × ".join(str(size) for size in shape)
