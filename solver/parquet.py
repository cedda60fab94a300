"""The export as Parquet, by a library that is an extra: a row for each frame, typed, with the run in the metadata."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import msgspec

from solver import series
from solver.document import Export, Lane
from solver.refusal import BadSetting

METADATA_PREFIX = "implicit-tui."
"""How the keys of the run in the file's metadata begin: id, preset, spec, version, started, ended, outcome, claims."""


def check() -> None:
    """Raises BadSetting where the library is not installed."""
    if importlib.util.find_spec("pyarrow") is None:
        raise BadSetting("Parquet needs an extra: pip install 'implicit-tui[parquet]', or take CSV, which needs none")


def to_parquet(export: Export) -> bytes:
    """The rows of ``export.to_csv``, vector series as lists; NaN and infinity are themselves, null is not measured.

    Values of a swept field that are lists, or of several types, are JSON. Raises BadSetting.
    """
    check()
    import pyarrow as pa
    from pyarrow import parquet

    types: dict[series.Shape, Any] = {
        "count": pa.int64(),
        "scalar": pa.float64(),
        "vector": pa.list_(pa.float64()),
        "word": pa.dictionary(pa.int8(), pa.string()),
    }
    lanes = [(lane, len(lane.series.step), _columns(lane)) for lane in export.lanes]
    columns = [pa.array([lane.index for lane, n, _ in lanes for _ in range(n)], pa.int64())]
    fields = [pa.field("lane", pa.int64())]
    for name in dict.fromkeys(name for lane in export.lanes for name in lane.parameters):
        values = [lane.parameters.get(name) for lane, n, _ in lanes for _ in range(n)]
        columns.append(pa.array(_of_one_type(values)))
        fields.append(pa.field(name, columns[-1].type))
    for one in series.SERIES:
        if any(one.name in found for _, _, found in lanes):
            rows = [value for _, n, found in lanes for value in found.get(one.name, [None] * n)]
            columns.append(pa.array(rows, types[one.shape]))
            note = {"description": one.note} if one.note else None
            fields.append(pa.field(one.name, types[one.shape], metadata=note))
    sink = pa.BufferOutputStream()
    rows_of_all = pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=_metadata(export)))
    parquet.write_table(rows_of_all, sink, compression="zstd")
    return bytes(sink.getvalue())


def _of_one_type(values: list[Any]) -> list[Any]:
    """The values of a swept field as one type: numbers as they are, lists and mixtures as JSON."""
    known = [value for value in values if value is not None]
    for kinds in (bool, int, (int, float), str):
        if all(isinstance(value, kinds) and (kinds is bool or not isinstance(value, bool)) for value in known):
            is_mixed = kinds == (int, float)
            return [float(value) if is_mixed and value is not None else value for value in values]
    return [value if value is None else json.dumps(value, ensure_ascii=False) for value in values]


def _columns(lane: Lane) -> dict[str, list[Any]]:
    """The series of a lane; what the JSON has beside them, because it is not finite, is in its place."""
    found = {name: column for name, column in msgspec.structs.asdict(lane.series).items() if column is not None}
    for name, words in lane.nonfinite.items():
        if name not in found:
            continue
        column = [list(value) if isinstance(value, list) else value for value in found[name]]
        for place, word in words.items():
            frame, _, rank = place.partition(".")
            if rank:
                column[int(frame)][int(rank)] = float(word)
            else:
                column[int(frame)] = float(word)
        found[name] = column
    return found


def _metadata(export: Export) -> dict[str, str]:
    told = {
        "id": export.id,
        "preset": export.preset,
        "version": str(export.version),
        "spec": msgspec.json.encode(export.spec).decode(),
        "started": export.started,
        "ended": export.ended,
        "outcome": None if export.outcome is None else msgspec.json.encode(export.outcome).decode(),
        "claims": msgspec.json.encode(export.claims).decode(),
    }
    return {METADATA_PREFIX + name: value for name, value in told.items() if value is not None}
