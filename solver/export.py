"""The export, format implicit-tui/run: a run as one strict JSON document, made from its directory alone."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from solver import npz, profile
from solver.document import FORMAT, VERSION, Centre, Export, ExportedClaim, Lane, Problem, Series
from solver.history import History, LaneHistory
from solver.jumps import FORETOLD
from solver.log import Reader
from solver.records import Claim, number
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from solver.series import BY_NAME
from solver.truth import centre_of, names_of

MOST_ENTRIES = 10_000
MOST_COMPONENTS = 32


def build(directory: RunDirectory) -> Export:
    """The export of a run as far as it has come. Raises BadSetting where spec.json cannot be read."""
    order = directory.order()
    reader = Reader(directory.log)
    history = History()
    history.apply(reader.whole())
    if history.is_newer:
        raise BadSetting(f"run {directory.id} was written by a newer version of implicit-tui: update to export it")
    facts = directory.environment()
    problems = _problems(directory.problem)
    foretold: dict[int | None, list[float]] = {}
    for event in history.events:
        if event.name == FORETOLD and event.time is not None:
            foretold.setdefault(event.lane, []).append(event.time)
    ending = history.ending
    outcome = None if ending is None else ending.outcome
    if outcome is None and directory.log.exists() and not directory.is_solving():
        outcome = directory.silent_outcome()
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
        lanes=[_lane(lane, foretold.get(lane.index, [])) for lane in history.lanes],
        problem=problems[0] if problems else None,
        problems=problems if len(problems) > 1 else [],
        baselines=_baselines(history, 0),
        problem_baselines=[_baselines(history, k) for k in range(len(problems))] if len(problems) > 1 else [],
        claims=[_claim(claim) for claim in history.claims.values()],
        profile=profile.read(directory),
        damaged_lines=reader.damaged + history.refused,
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


def _lane(lane: LaneHistory, jump_times: list[float]) -> Lane:
    nonfinite: dict[str, dict[str, str]] = {}
    columns: dict[str, Any] = {}
    # What another version recorded, and this one does not know, stays in the log.
    for name, column in lane.columns.items():
        if name not in BY_NAME:
            continue
        columns[name] = _column(name, column, nonfinite)
    indices = _largest_components(lane)
    rated = _rated(lane) if "component_norms" in lane.vectors else []
    for name, found in lane.vectors.items():
        if name not in BY_NAME or not BY_NAME[name].exported:
            continue
        if BY_NAME[name].rated:
            columns[name] = _by_identity(name, found, rated, indices, nonfinite)
            continue
        ranks = [found[index] for index in indices] if BY_NAME[name].by_identity else found
        by_rank = [_finite(column, name, f".{rank}", nonfinite) for rank, column in enumerate(ranks)]
        columns[name] = [list(frame) for frame in zip(*by_rank, strict=True)]
    final: dict[str, Any] = {name: column[-1] for name, column in columns.items() if column}
    if indices:
        final["component_indices"] = indices
    if jump_times:
        final["predicted_jump_times"] = jump_times
    final |= {name: _none_if_not_finite(value) for name, value in lane.summary.items()}
    if "best_step" in final:
        final["best_step"] = int(final["best_step"])
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


def _column(name: str, column: array[float], nonfinite: dict[str, dict[str, str]]) -> list[Any]:
    """The values of a series as its declaration says; what is not finite is named beside."""
    series = BY_NAME[name]
    if series.shape == "count":
        return [int(value) for value in column]
    if series.shape == "word":
        return [series.words[int(code)] for code in column]
    return list(_finite(column, name, "", nonfinite))


def _largest_components(lane: LaneHistory) -> list[int]:
    """The components that are exported, the largest at the end first."""
    norms = [column[-1] if len(column) else 0.0 for column in lane.vectors.get("component_norms", [])]
    return sorted(range(len(norms)), key=lambda index: (-norms[index], index))[:MOST_COMPONENTS]


def _rated(lane: LaneHistory) -> list[list[int]]:
    """Of each frame the components that its rates belong to, in the order of the record."""
    if "rate_components" in lane.vectors:
        return [[int(index) for index in frame] for frame in zip(*lane.vectors["rate_components"], strict=True)]
    # Logs of older versions do not name them: the largest of each frame, the largest first.
    sizes = [
        [-value if math.isfinite(value) else 0.0 for value in column] for column in lane.vectors["component_norms"]
    ]
    return [sorted(range(len(frame)), key=frame.__getitem__) for frame in zip(*sizes, strict=True)]


def _by_identity(
    name: str,
    found: list[array[float]],
    rated: list[list[int]],
    indices: list[int],
    nonfinite: dict[str, dict[str, str]],
) -> list[list[float | None]]:
    """Rates in the order of the exported components; null for one that was not among the largest of a frame."""
    rows: list[list[float | None]] = []
    for frame, (values, components) in enumerate(zip(zip(*found, strict=True), rated, strict=True)):
        of_component = dict(zip(components, values, strict=False))
        for rank, index in enumerate(indices):
            if index in of_component and not math.isfinite(of_component[index]):
                nonfinite.setdefault(name, {})[f"{frame}.{rank}"] = str(of_component[index])
        rows.append([_none_if_not_finite(of_component.get(index, math.nan)) for index in indices])
    return rows


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
        named, centre = names_of(arrays, k), centre_of(arrays, k)
        problems.append(
            Problem(
                shape=[int(size) for size in arrays[f"{k}.shape"][1]],
                ground_truth=_nested(truth[1].tolist(), truth[0]) if truth is not None and small else None,
                observed=_entries(arrays, k, "") or None,
                held_out=_entries(arrays, k, "test_") or None,
                validation=_entries(arrays, k, "validation_") or None,
                ids=named.ids or None,
                names=named.names or None,
                value_name=named.value_name or None,
                centre=None
                if centre is None
                else Centre(mean=centre.mean, modes=[added.tolist() for added in centre.modes]),
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
