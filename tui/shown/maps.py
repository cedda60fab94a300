"""Maps of a run: which number over which swept settings, as a row of the list, and what is read out at the cursor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from solver import maps
from solver.history import History, LaneHistory
from solver.maps import Cell, Map, Statistic, Table
from solver.series import BY_NAME
from solver.spec import RunSpec
from tui.draw.heatmap import HOLLOW, Field, HeatMap, Place
from tui.shown import quantities
from tui.shown.quantities import Quantity
from tui.text import inert, quantity

_DECADE = 10.0
_SMALL = 1e-3
_LONGEST = 24


class MapRow(msgspec.Struct, frozen=True):
    """A map, as a row of the list."""

    map: Map
    cursor: Place | None = None

    @property
    def title(self) -> str:
        return f"map of {name_of(self.map.statistic)}"

    @property
    def short(self) -> str:
        """The title where there is little room."""
        return f"map: {name_of(self.map.statistic)}"

    @property
    def key(self) -> str:
        """What the row is known by, whatever it is a map of."""
        return "map"

    @property
    def log_key(self) -> str:
        """What its scale is known by."""
        return f"y map {self.map.statistic.name}"

    @property
    def quantity(self) -> Quantity | None:
        """The row of the list with the same number; None where there is none."""
        statistic = self.map.statistic
        rank = statistic.rank - 1 if statistic.rank else None
        return next((one for one in quantities.ALL if (one.series, one.rank) == (statistic.series, rank)), None)


def name_of(statistic: Statistic) -> str:
    """As the list calls it; σ₃ for the third singular value, and for numbers that no list has their own name."""
    series = BY_NAME.get(statistic.series)
    rows = series.rows if series is not None else ()
    own = next((row.title.strip() for row in rows if row.rank == (statistic.rank - 1 if statistic.rank else None)), "")
    whole = own or next((row.title.strip() for row in rows if row.rank is None), statistic.series.replace("_", " "))
    return whole if own or not statistic.rank else f"{whole} {statistic.rank}"


def statistic_of(item: Quantity) -> Statistic:
    """The number of a row of the list; of all numbers of a vector the first."""
    if item.rank is not None:
        return Statistic(item.series, item.rank + 1)
    return Statistic(item.series, 1 if item.declared.shape == "vector" else 0)


def field_name(field: str) -> str:
    """A swept field in words."""
    return field.rpartition(".")[2].replace("_", " ")


def heat_map(cells: Table, log: bool | None = None) -> HeatMap:
    """The cells ready to be drawn, on a logarithmic scale or a linear one; None lets the numbers say which."""
    wanted = cells.map
    is_log = spans_decades(cells) if log is None else log
    n, ended = cells.n_lanes, cells.n_ended
    return HeatMap(
        title=f"map of {name_of(wanted.statistic)}{' (log)' if is_log else ''}",
        x_name=field_name(wanted.x),
        y_name=field_name(wanted.y),
        x_labels=[_label(value) for value in cells.xs],
        y_labels=[_label(value) for value in cells.ys],
        fields=[[None if cell is None else _field(cell) for cell in line] for line in cells.cells],
        log=is_log,
        going=f"{ended} of {n} lanes have ended, {HOLLOW} goes on" if ended < n else "",
        hint="← → and shift ↑ ↓ read · t axes · M numbers",
    )


def spans_decades(cells: Table) -> bool:
    """Whether its numbers lie above zero and over more than a decade: then a linear scale tells the largest apart."""
    values = [cell.value for line in cells.cells for cell in line if cell is not None and math.isfinite(cell.value)]
    return bool(values) and 0.0 < _DECADE * min(values) < max(values)


def _label(value: object) -> str:
    """A swept value as short as it can be whole: 1e-4."""
    if isinstance(value, float) and 0.0 < abs(value) < _SMALL:
        mantissa, _, exponent = f"{value:.5e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return inert(maps.shown(value), _LONGEST)


def _field(cell: Cell) -> Field:
    number = quantity(cell.value) if math.isfinite(cell.value) else "no number"
    lanes = f", median of {cell.n_ended - cell.n_broken} lanes" if cell.n_ended - cell.n_broken > 1 else ""
    return Field(
        value=cell.value,
        is_hollow=cell.is_under_way,
        is_broken=cell.n_broken > 0,
        said=f"{number}{lanes}" if cell.outcomes == "converged" else f"{number}{lanes}, {cell.outcomes}",
    )


class Choice:
    """Which map of a run is shown: its number, its axes, and the field that is read out."""

    def __init__(self, spec: RunSpec, remembered: Sequence[str] = ()) -> None:
        self._spec = spec
        self._fields = maps.fields(spec)
        self._axes: tuple[str, str] | None = None
        self._statistic: Statistic | None = None
        self.cursor: Place | None = None
        if len(remembered) == 4:
            # As another run of the preset was looked at, which may have swept other fields.
            x, y, series, rank = remembered
            self._statistic = Statistic(series, int(rank) if rank.isdecimal() else 0)
            self.choose_axes(x, y)

    def remembered(self) -> list[str]:
        """Axes and number as plain words; none where nothing was chosen."""
        if self._axes is None and self._statistic is None:
            return []
        x, y = self._axes or ("", "")
        statistic = self._statistic or Statistic("")
        return [x, y, statistic.series, str(statistic.rank)]

    def row(self, history: History) -> MapRow | None:
        """The map as a row of the list; None where fewer than two fields are swept."""
        found = maps.first(self._spec, history)
        if found is None or not history.lanes:
            return None
        x, y = self._axes or (found.x, found.y)
        chosen = self._statistic
        is_there = chosen is not None and chosen in maps.offered(history)
        return MapRow(Map(x, y, chosen if chosen is not None and is_there else found.statistic), self.cursor)

    def table(self, row: MapRow, lanes: Sequence[LaneHistory]) -> Table:
        """The cells of these lanes."""
        return maps.table(row.map, self._spec, lanes)

    def axes(self) -> list[tuple[str, str]]:
        """Every pair of swept fields, x first, and each the other way round after it."""
        pairs = [(x, y) for k, x in enumerate(self._fields) for y in self._fields[k + 1 :]]
        return [both for x, y in pairs for both in ((x, y), (y, x))]

    def choose_axes(self, x: str, y: str) -> None:
        """Draws the map over these two fields; what is no pair of swept ones changes nothing."""
        if (x, y) in self.axes():
            self._axes, self.cursor = (x, y), None

    def next_axes(self, row: MapRow) -> None:
        """The next pair of fields, or the same the other way round."""
        there = self.axes()
        self.choose_axes(*there[(there.index((row.map.x, row.map.y)) + 1) % len(there)])

    def choose_statistic(self, statistic: Statistic) -> None:
        """Draws the map of this number."""
        self._statistic = statistic

    def next_statistic(self, row: MapRow, history: History) -> None:
        """The map of the next number that lanes end with."""
        there = maps.offered(history)
        at = there.index(row.map.statistic) if row.map.statistic in there else -1
        self._statistic = there[(at + 1) % len(there)]

    def move_cursor(self, row: MapRow, across: int, up: int) -> None:
        """To the field beside, as far as there are any; the first time to the middle of the map."""
        n_x, n_y = (len(maps.values(self._spec, field)) for field in (row.map.x, row.map.y))
        if self.cursor is None:
            self.cursor = Place(n_x // 2, n_y // 2)
            return
        x, y = self.cursor.x + across, self.cursor.y + up
        self.cursor = Place(max(0, min(x, n_x - 1)), max(0, min(y, n_y - 1)))
