"""The types of the export, format implicit-tui/run: what a reader of the JSON can rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from solver import series
from solver.profile import Profile
from solver.records import Outcome
from solver.spec import RunSpec

FORMAT = "implicit-tui/run"
VERSION = 2

Number = float | None
Column = list[Number]
Columns = list[list[Number]]


_TYPES: dict[series.Shape, Any] = {"count": list[int], "scalar": Column, "vector": Columns, "word": list[str]}


class _Recorded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The recorded states of a lane, column by column; a series that does not apply is absent."""

    step: list[int]
    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """The declared series are fields that no type checker can see."""


def _fields() -> list[Any]:
    """A field for each declared series, required where every lane records it."""
    return [
        (one.name, _TYPES[one.shape]) if one.always else (one.name, _TYPES[one.shape] | None, None)
        for one in series.SERIES
        if one.exported
    ]


if TYPE_CHECKING:
    Series = _Recorded
else:
    Series = msgspec.defstruct("Series", _fields(), bases=(_Recorded,), module=__name__, frozen=True, kw_only=True)
    Series.__doc__ = _Recorded.__doc__
SERIES_NOTES = {("Series", one.name): one.note for one in series.SERIES if one.exported}


class Lane(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One trained factorization."""

    index: int
    parameters: dict[str, Any]
    """Every swept field and the seed."""
    problem: int
    """Which of ``problems`` it fits; 0 is ``problem``."""
    outcome: Outcome | None
    """null while the lane runs, or where the solver was killed."""
    series: Series
    nonfinite: dict[str, dict[str, str]]
    """By series and frame (or frame.rank), the values that are null because JSON has no NaN and no infinity."""
    final: dict[str, Any]
    """Last values, the end matrix or tensor up to 10,000 entries, and what was measured of the final state alone.

    Of a problem from a file with held-out entries also ``best_step``, the errors there, and ``best_end_matrix`` (or
    ``best_end_tensor``): of the
    recorded state with the least validation error, or the least held-out error where nothing was set aside to choose.

    ``predicted_jump_times`` are the flow times at which the greedy solutions foretell each rank to rise.
    """


class Centre(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was taken out of a file's values before they were fitted; added to an end matrix it gives predictions."""

    mean: float
    modes: list[list[float]]
    """What each row, and each column, adds; empty for a mode of which nothing was taken out."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What was fitted; each list is left out above 10,000 entries."""

    shape: list[int]
    ground_truth: list[Any] | None = None
    """Nested by mode."""
    observed: list[list[int | float]] | None = None
    """[row, column, value], or [i, j, k, …, value], zero-based, noise included; absent for measurements and images."""
    held_out: list[list[int | float]] | None = None
    """Entries of a file held out for testing."""
    validation: list[list[int | float]] | None = None
    """Entries of a file set aside to choose the best step."""
    ids: list[list[str | int]] | None = None
    """By mode, what the file calls the places 0, 1, …"""
    names: list[str] | None = None
    """By mode, what the file calls its ids."""
    value_name: str | None = None
    centre: Centre | None = None
    """The entries above are as the file has them; end matrices and tensors are without this."""


class ExportedClaim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement of the papers, measured on this run."""

    name: str
    text: str
    source: str
    measured: float | None
    expected: float | None
    tolerance: float | None
    relation: str
    """about, at-least or at-most: how measured and expected compare where the claim holds."""
    verdict: str
    """holds, fails, not-applicable, or pending while the run is under way."""


class Export(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run."""

    format: str
    version: int
    id: str
    preset: str
    spec: RunSpec
    environment: dict[str, Any]
    started: str | None
    ended: str | None
    elapsed_s: float
    outcome: Outcome | None
    """null while the run is under way."""
    lanes: list[Lane]
    problem: Problem | None
    """The problem of lane 0."""
    problems: list[Problem]
    """Every problem where the lanes have several, else empty."""
    baselines: dict[str, Any]
    """Of lane 0's problem: the ground truth, the solution of least nuclear norm, linear and constant predictors, …

    ``greedy`` has the losses of the greedy solutions of rank 0, 1, 2, …; of the pair that is added for rank k the pulls
    −u_kᵀ∇ℓ(W_j)v_k at the solutions of rank j = 0 … k − 1, k by k; the second singular values of the gradients; and the
    sizes that the pairs come to.

    ``nuclear_norm.slack`` is how far that solution may miss an observed entry, in units of an entry (0 for
    measurements); ``nuclear_norm.exact_nuclear_norm_at_least`` a lower bound on what fitting them exactly takes, so
    above ``nuclear_norm.nuclear_norm`` by what the slack saved; ``nuclear_norm.duality_gap`` how far the norm may be
    above the least one with that slack, relative to it.
    """
    problem_baselines: list[dict[str, Any]]
    """The same for every problem where the lanes have several, else empty."""
    claims: list[ExportedClaim]
    profile: Profile | None
    """Where the seconds of the solver went; null until the run has ended, and for one of an older version."""
    damaged_lines: int
    """Lines of the log that could not be read; 0 for a sound log."""
