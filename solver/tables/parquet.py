"""Parquet, where pyarrow is there: a list of entries in named columns."""

from __future__ import annotations

import io
from array import array
from pathlib import Path

from solver.tables.columns import Chosen, chosen
from solver.tables.gathering import Gathered
from solver.tables.table import Reading, refused

MAGIC = b"PAR1"


def read(path: Path, data: bytes, reading: Reading, n_modes: int | None) -> Gathered:
    """The entries. Raises BadSetting where pyarrow is not there, too."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise refused(
            path, "is Parquet, which pyarrow reads and which is not installed: pip install pyarrow, or write CSV"
        ) from None
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError) as error:
        raise refused(path, f"is damaged Parquet ({str(error).splitlines()[0][:100]}): save it again") from None
    names = list(table.column_names)
    picked = chosen(names, reading.columns, n_modes)
    if picked is None and reading.columns is None and len(names) >= 3:
        n = n_modes or len(names) - 1
        picked = Chosen(modes=list(range(n)), value=n) if n < len(names) else None
    listed = ", ".join(names[:8])
    if picked is None and reading.columns is not None:
        columns = {str(place) for place in range(1, len(names) + 1)} | set(names)
        missing = next((f"no column {one}" for one in reading.columns if str(one) not in columns), "")
        raise refused(
            path,
            f"has {missing or 'the columns ' + listed} (problem.columns): give three or more of its columns, each "
            f"once, the value's last{', of ' + listed if missing else ''}",
        )
    if picked is None:
        raise refused(path, f"has the columns {listed}: choose ids and value with problem.columns, the value's last")
    codes: list[array[int]] = []
    ids: list[list[str | int]] = []
    for place in picked.modes:
        known: dict[str | int, int] = {}
        codes.append(array("q"))
        for row, value in enumerate(table.column(place).to_pylist()):
            if value is None or value != value:
                raise refused(path, f"row {row + 1} has no {names[place]}: fill it in")
            name = value if isinstance(value, int) else _text(value)
            codes[-1].append(known.setdefault(name, len(known)))
        ids.append(list(known))
    try:
        values = array(
            "d", (float("nan") if value is None else float(value) for value in table.column(picked.value).to_pylist())
        )
    except (TypeError, ValueError):
        raise refused(
            path, f"has no numbers in {names[picked.value]}: choose the value with problem.columns ({listed})"
        ) from None
    needed = [*picked.modes, picked.value]
    ignored = [name for place, name in enumerate(names) if place not in needed]
    remarks = [f"{', '.join(ignored[:4])} passed over (problem.columns)"] if ignored else []
    return Gathered(
        format="Parquet",
        names=[names[place] for place in picked.modes],
        value_name=names[picked.value],
        ids=ids,
        codes=codes,
        values=values,
        remarks=remarks,
    )


def _text(value: object) -> str:
    """An id in letters; what Spark writes has bytes for them."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
