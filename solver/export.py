"""The export, format implicit-tui/run: a run as one strict JSON document, made from its directory alone."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from solver import npz
from solver.history import History, LaneHistory
from solver.log import Reader
from solver.records import Claim, Outcome, number
from solver.rundir import RunDirectory
from solver.spec import RunSpec

FORMAT = "implicit-tui/run"
VERSION = 1
MOST_ENTRIES = 10_000
MOST_COMPONENTS = 32

Number = float | None
Column = list[Number]
Columns = list[list[Number]]


class Series(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The recorded states of a lane, column by column; a series that does not apply is absent."""

    step: list[int]
    """Accepted steps."""
    time: Column | None = None
    """Flow time; absent for adam."""
    elapsed_s: Column
    """Solver seconds since the start, pauses left out."""
    evaluations: list[int]
    """Gradients computed by the lane so far."""
    train_loss: Column
    reconstruction_error: Column | None = None
    """Mean squared error over all entries, divided by the mean-square entry of the ground truth (A19)."""
    normalised_reconstruction_error: Column | None = None
    """Its square root, ‖W − W*‖_F / ‖W*‖_F (R20, R21)."""
    held_out_error: Column | None = None
    """Mean squared error over the held-out entries of a file, divided by their mean square."""
    effective_rank: Column | None = None
    """exp of the entropy of σ/Σσ (Roy & Vetterli 2007); 0 for the zero matrix."""
    singular_values: Columns | None = None
    """The largest ones, descending; singular_values[t][r]."""
    nuclear_norm: Column | None = None
    frobenius_norm: Column | None = None
    """Of the end matrix or tensor."""
    spectral_norm: Column | None = None
    schatten_2_over_n: Column | None = None
    """(Σσ^p)^(1/p), p = 2/N."""
    det_sign: Column | None = None
    log_abs_det: Column | None = None
    """Natural logarithm of |det W|."""
    singular_value_rates: Columns | None = None
    """dσ_r/dt measured: central differences over a short step of the flow; null where σ_r has a twin."""
    predicted_rates: Columns | None = None
    """dσ_r/dt by the formula for any initialisation."""
    predicted_rates_balanced: Columns | None = None
    """N σ_r^(2−2/N) γ_r (A19 Theorem 3), which supposes balanced layers."""
    unobserved_entry: Column | None = None
    """Of a matrix all but one of whose entries are given (R20)."""
    unobserved_entry_bound: Column | None = None
    """Its least |value| at this loss while the determinant has the sign of z·z′; null where the proof is silent."""
    component_norms: Columns | None = None
    """Π_n ‖w_r^n‖ of the components in final.component_indices; component_norms[t][r]."""
    component_rates: Columns | None = None
    """dσ_r/dt measured, of the largest components of each frame, the largest first."""
    predicted_component_rates: Columns | None = None
    """The same by the formula for any initialisation."""
    predicted_component_rates_balanced: Columns | None = None
    """N σ_r^(2−2/N) γ_r (R21 Theorem 1), which supposes balanced components."""
    unbalancedness: Column | None = None
    """The largest ‖W_{j+1}ᵀ W_{j+1} − W_j W_jᵀ‖_F, or |‖w_r^n‖² − ‖w_r^m‖²|."""
    gradient_norm: Column | None = None
    """Over all factors."""
    step_size: Column
    """In effect at the last step."""
    train_error: Column | None = None
    """Of images: mean squared error over all training images, divided by the squared distance of the targets."""
    test_error: Column | None = None
    """The same over the test images, each squared error clipped before the mean."""


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
    """Last values, the end matrix or tensor up to 10,000 entries, and what was measured of the final state alone."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What was fitted; each list is left out above 10,000 entries."""

    shape: list[int]
    ground_truth: list[Any] | None = None
    """Nested by mode."""
    observed: list[list[int | float]] | None = None
    """[row, column, value], or [i, j, k, …, value], zero-based, noise included; absent for measurements and images."""
    held_out: list[list[int | float]] | None = None


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
    """Of lane 0's problem: the ground truth, the solution of least nuclear norm, linear and constant predictors, …"""
    problem_baselines: list[dict[str, Any]]
    """The same for every problem where the lanes have several, else empty."""
    claims: list[ExportedClaim]
    damaged_lines: int
    """Lines of the log that could not be read; 0 for a sound log."""


KILLED = Outcome(
    kind="failed",
    reason="the solver ended without a word, as when it is killed",
    cure="look into solver.out of the run directory; what was recorded until then is here",
    cause="killed",
)


def build(directory: RunDirectory) -> Export:
    """The export of a run as far as it has come. Raises BadSetting where spec.json cannot be read."""
    order = directory.order()
    reader = Reader(directory.log)
    history = History()
    while history.apply(reader.read()):
        pass
    facts = directory.environment()
    problems = _problems(directory.problem)
    ending = history.ending
    outcome = None if ending is None else ending.outcome
    if outcome is None and directory.log.exists() and not directory.is_solving():
        outcome = KILLED
    return Export(
        format=FORMAT,
        version=VERSION,
        id=directory.id,
        preset=order.preset.name,
        spec=order.spec,
        environment=facts.get("environment", {}),
        started=facts.get("started"),
        ended=None if ending is None else ending.wall,
        elapsed_s=history.elapsed_s(),
        outcome=outcome,
        lanes=[_lane(lane) for lane in history.lanes],
        problem=problems[0] if problems else None,
        problems=problems if len(problems) > 1 else [],
        baselines=_baselines(history, 0),
        problem_baselines=[_baselines(history, k) for k in range(len(problems))] if len(problems) > 1 else [],
        claims=[_claim(claim) for claim in history.claims.values()],
        damaged_lines=reader.damaged,
    )


def to_json(export: Export) -> bytes:
    """Strict JSON: no NaN token, and what was not finite is named beside."""
    return msgspec.json.encode(export) + b"\n"


def to_csv(export: Export) -> bytes:
    """One row a frame; vector series spread over columns such as singular_values.0."""
    import csv
    import io

    names: list[str] = []
    rows: list[dict[str, Any]] = []
    for lane in export.lanes:
        series = {name: column for name, column in msgspec.structs.asdict(lane.series).items() if column is not None}
        for frame in range(len(lane.series.step)):
            row: dict[str, Any] = {"lane": lane.index} | lane.parameters
            for name, column in series.items():
                value = column[frame]
                if isinstance(value, list):
                    row |= {f"{name}.{rank}": item for rank, item in enumerate(value)}
                else:
                    row[name] = value
            names += [name for name in row if name not in names]
            rows.append(row)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names or ["lane"], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _baselines(history: History, problem: int) -> dict[str, Any]:
    """By name; infinite numbers stay words, as where no matrix attains an infimum."""
    return history.baselines.get(problem, {})


def _lane(lane: LaneHistory) -> Lane:
    nonfinite: dict[str, dict[str, str]] = {}
    columns: dict[str, Any] = {}
    for name, column in lane.columns.items():
        whole = name in ("step", "evaluations")
        columns[name] = [int(value) for value in column] if whole else _finite(column, name, "", nonfinite)
    indices = _largest_components(lane)
    for name, found in lane.vectors.items():
        ranks = [found[index] for index in indices] if name == "component_norms" else found
        by_rank = [_finite(column, name, f".{rank}", nonfinite) for rank, column in enumerate(ranks)]
        columns[name] = [list(frame) for frame in zip(*by_rank, strict=True)]
    final: dict[str, Any] = {name: column[-1] for name, column in columns.items() if column}
    if indices:
        final["component_indices"] = indices
    final |= {name: _none_if_not_finite(value) for name, value in lane.summary.items()}
    for snapshot in lane.snapshots.values():
        flat = [_none_if_not_finite(number(value)) for value in snapshot.values]
        final[snapshot.name] = _nested(flat, snapshot.shape)
    return Lane(
        index=lane.index,
        parameters=lane.parameters,
        problem=lane.problem,
        outcome=lane.outcome,
        series=Series(**columns),
        nonfinite=nonfinite,
        final=final,
    )


def _largest_components(lane: LaneHistory) -> list[int]:
    """The components that are exported, the largest at the end first."""
    norms = [column[-1] if len(column) else 0.0 for column in lane.vectors.get("component_norms", [])]
    return sorted(range(len(norms)), key=lambda index: (-norms[index], index))[:MOST_COMPONENTS]


def _finite(column: array[float], name: str, suffix: str, nonfinite: dict[str, dict[str, str]]) -> list[float | None]:
    result: list[float | None] = []
    for frame, value in enumerate(column):
        if not math.isfinite(value):
            nonfinite.setdefault(name, {})[f"{frame}{suffix}"] = str(value)
        result.append(_none_if_not_finite(value))
    return result


def _none_if_not_finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _nested(flat: Sequence[Any], shape: Sequence[int]) -> list[Any]:
    if len(shape) == 1:
        return list(flat)
    size = math.prod(shape[1:])
    return [_nested(flat[start : start + size], shape[1:]) for start in range(0, len(flat), size)]


def _problems(path: Path) -> list[Problem]:
    """The problems of problem.npz; none where it is missing or damaged."""
    try:
        return _problems_of(npz.read(path))
    except (OSError, ValueError, KeyError):
        return []


def _problems_of(arrays: dict[str, tuple[tuple[int, ...], array[float]]]) -> list[Problem]:
    problems: list[Problem] = []
    while f"{len(problems)}.shape" in arrays:
        k = len(problems)
        truth = arrays.get(f"{k}.ground_truth")
        small = truth is not None and len(truth[1]) <= MOST_ENTRIES
        problems.append(
            Problem(
                shape=[int(size) for size in arrays[f"{k}.shape"][1]],
                ground_truth=_nested(truth[1].tolist(), truth[0]) if truth is not None and small else None,
                observed=_entries(arrays, k, "") or None,
                held_out=_entries(arrays, k, "test_") or None,
            )
        )
    return problems


def _entries(arrays: dict[str, tuple[tuple[int, ...], array[float]]], k: int, prefix: str) -> list[list[int | float]]:
    if f"{k}.{prefix}indices" not in arrays:
        return []
    (n, modes), indices = arrays[f"{k}.{prefix}indices"]
    values = arrays[f"{k}.{prefix}values"][1]
    if n > MOST_ENTRIES:
        return []
    return [[*(int(index) for index in indices[i * modes : (i + 1) * modes]), values[i]] for i in range(n)]


def _claim(claim: Claim) -> ExportedClaim:
    return ExportedClaim(**{name: getattr(claim, name) for name in ExportedClaim.__struct_fields__})
