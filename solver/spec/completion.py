"""Completion: some entries are fitted, of a random ground truth, of a given list, or of a file."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from solver.spec.base import Fraction, Number
from solver.spec.observed import Observed

# What leaves the reading of a file to the file, where that is not "auto".
_UNSAID = {"columns": None, "repeated": "refuse"}


class Completion(Observed, frozen=True):
    """Fit some entries: of a random ground truth, of a given list, or of a file."""

    OF_FILE: ClassVar[tuple[str, ...]] = ("layout", "columns", "separator", "header", "decimal", "repeated")
    """How a file is read."""
    OF_HELD_OUT: ClassVar[tuple[str, ...]] = ("test_fraction", "validation_fraction", "centre")
    """What is done with the entries of a file before they are fitted."""

    entries: list[tuple[Number, ...]] | None = None
    """Observed entries as [row, column, value] or [i, j, k, …, value], indices from zero; replaces the ground truth."""
    file: str | None = None
    """Entries as text (CSV and the like, gz or not), NPY, Matrix Market or Parquet, relative to the TOML file; replaces
    the random ground truth.
    """
    layout: Literal["auto", "list", "table"] = "auto"
    """list: ids, then the value, an entry a line; table: a whole matrix, a row a line; auto: as the file looks."""
    columns: Annotated[tuple[str | int, ...], Meta(min_length=3, max_length=9)] | None = None
    """The file's columns of ids and, last, of the value, by name or by place from 1; found unless given."""
    separator: Literal["auto", "comma", "tab", "semicolon", "colons", "bar", "spaces"] = "auto"
    """What stands between the cells of a line; colons are ::."""
    header: Literal["auto", "yes", "no"] = "auto"
    """Whether the first line names the columns."""
    decimal: Literal["auto", "point", "comma"] = "auto"
    """What stands before the decimals of a value."""
    repeated: Literal["refuse", "mean", "first", "last"] = "refuse"
    """What becomes of an entry that is given more than once."""
    test_fraction: Fraction = 0.0
    """Fraction of the file's entries held out for held_out_error; chosen by the seed."""
    validation_fraction: Fraction | None = None
    """Fraction set aside besides for validation_error, by which the best step is chosen; with stop.patience half of
    what is held out, else none.
    """
    centre: Literal["auto", "none", "mean", "rows-and-columns"] = "auto"
    """What is taken out of the file's values before they are fitted, and given back in predictions: their mean, or with
    it what each row and column (of a tensor each index of every mode) adds; auto: the mean.
    """

    def __post_init__(self) -> None:
        if self.entries is not None and self.file is not None:
            raise ValueError("entries and file are both given: keep one of the two")
        self._check_of_file()
        self._check_modes()
        if self.has_entries_alone:
            self._check_given()
        else:
            self._check_random()

    def _check_of_file(self) -> None:
        """Raises ValueError for what is said of a file where none is given, and for fractions that leave nothing."""
        for name in self.OF_FILE if self.file is None else ():
            if getattr(self, name) != _UNSAID.get(name, "auto"):
                raise ValueError(f"{name} says how a file is read, and no file is given: set file, or leave {name} out")
        if self.file is None and self.centre in ("mean", "rows-and-columns"):
            raise ValueError("centre is of a file's values, and no file is given: set file, or leave centre at none")
        for name in ("test_fraction", "validation_fraction") if self.file is None else ():
            if getattr(self, name):
                raise ValueError(f"{name} holds out entries of a file, and no file is given: set file, or leave it 0")
        if self.validation_fraction and not self.test_fraction:
            raise ValueError(
                f"validation_fraction {self.validation_fraction:g} chooses the best step, and test_fraction 0 leaves "
                "nothing to judge it by: set test_fraction as well"
            )
        held_out = self.test_fraction + (self.validation_fraction or 0.0)
        if held_out >= 1.0:
            raise ValueError(
                f"test_fraction and validation_fraction hold out {held_out:g} of the entries, which leaves none to "
                "train on: lower them"
            )

    @property
    def resolved_centre(self) -> str:
        """none, mean or rows-and-columns."""
        return ("none" if self.file is None else "mean") if self.centre == "auto" else self.centre

    @property
    def _given(self) -> str:
        return "entries" if self.entries is not None else "file"

    def _check_given(self) -> None:
        for name in ("rank", "observations", "frobenius_norm", "spectrum", "condition_number", "symmetric", "ht_rank"):
            if getattr(self, name, None) not in (None, False):
                raise ValueError(
                    f"{name} describes a random ground truth, but {self._given} is given: leave {name} out"
                )
        if self.noise:
            raise ValueError(f"noise is added to a random ground truth, but {self._given} is given: leave noise at 0")
        if self.entries is not None:
            self._check_entries(self.entries)

    def _check_entries(self, entries: list[tuple[float, ...]]) -> None:
        if not entries:
            raise ValueError("entries is empty: give at least one [row, column, value]")
        for entry in entries:
            if len(entry) - 1 not in self.N_MODES or len(entry) != len(entries[0]):
                wanted = " or ".join(str(n + 1) for n in self.N_MODES) if len(self.N_MODES) < 3 else "4 to 9"
                raise ValueError(f"entries has {list(entry)}: write {wanted} numbers each, the indices, then the value")
            if any(index != int(index) or not 0 <= index < 20_000 for index in entry[:-1]):
                raise ValueError(f"entries has {list(entry)}: its indices must be whole numbers from 0 to 19999")
        shape = self.resolved_shape
        seen: set[tuple[float, ...]] = set()
        for *index, _ in entries:
            shown = [int(i) for i in index]
            if len(index) != len(shape) or any(i >= size for i, size in zip(index, shape, strict=True)):
                raise ValueError(
                    f"entries has {shown}, outside shape {self.shown_shape} (indices count from zero): "
                    "enlarge shape or correct the index"
                )
            if tuple(index) in seen:
                raise ValueError(f"entries has {shown} twice: keep one value for each entry")
            seen.add(tuple(index))

    @property
    def has_entries_alone(self) -> bool:
        """Whether entries are given, and no ground truth that they are taken from."""
        return self.entries is not None or self.file is not None

    @property
    def known_shape(self) -> tuple[int, ...] | None:
        return self.shape if self.file is not None else super().known_shape

    @property
    def is_random(self) -> bool:
        return not self.has_entries_alone and super().is_random

    @property
    def resolved_shape(self) -> tuple[int, ...]:
        if self.shape is None and self.entries:
            return tuple(
                1 + max(int(index) for index in column) for column in list(zip(*self.entries, strict=True))[:-1]
            )
        return super().resolved_shape
