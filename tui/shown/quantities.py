"""What can be drawn of a run: each quantity with its name, its axis and where its numbers stand in the record."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec

from solver.history import History, LaneHistory


class Quantity(msgspec.Struct, frozen=True):
    """One row of the list and one picture of the chart."""

    series: str
    """Name in the record."""
    title: str
    rank: int | None = None
    """Which singular value, for one row of a vector series; None for all of them, or for a scalar."""
    log_y: bool = False
    """Whether its y axis starts out logarithmic."""
    predicted: str = ""
    """Series with the theory's value of the same quantity, drawn dim beside it."""
    short: str = ""
    """The title where there is little room."""
    baseline: str = ""
    """Name of the number in baselines that is drawn as a level line, where the lanes' problem has one."""
    unless: str = ""
    """A series whose lanes do not show this one: the same number is there in another form."""

    @property
    def key(self) -> str:
        """What the row is known by."""
        return f"{self.series} {self.rank}"


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SINGLE_VALUES = 6

_ALL = (
    Quantity("singular_values", "singular values"),
    *(
        Quantity("singular_values", f"  σ{rank + 1}".translate(_SUBSCRIPTS), rank=rank)
        for rank in range(_SINGLE_VALUES)
    ),
    Quantity("component_norms", "component norms"),
    Quantity("train_error", "training error", log_y=True),
    Quantity("test_error", "test error", log_y=True, baseline="test_error"),
    Quantity(
        "unobserved_entry", "unobserved entry and bound", predicted="unobserved_entry_bound", short="entry w, bound"
    ),
    Quantity("effective_rank", "effective rank", baseline="effective_rank"),
    Quantity("nuclear_norm", "nuclear norm", baseline="nuclear_norm"),
    Quantity("frobenius_norm", "Frobenius norm"),
    Quantity("spectral_norm", "spectral norm"),
    Quantity("schatten_2_over_n", "Schatten-2/N norm", log_y=True, short="Schatten-2/N"),
    Quantity("train_loss", "training loss", log_y=True),
    Quantity(
        "reconstruction_error",
        "reconstruction error",
        log_y=True,
        short="recon. error",
        baseline="reconstruction_error",
    ),
    Quantity(
        "normalised_reconstruction_error",
        "error ‖T−T*‖/‖T*‖",
        log_y=True,
        baseline="normalised_reconstruction_error",
        unless="singular_values",
    ),
    Quantity("held_out_error", "held-out error", log_y=True),
    Quantity("singular_value_rates", "dσ₁/dt and its law", rank=0, predicted="predicted_rates", short="dσ₁/dt, law"),
    Quantity("singular_value_rates", "dσ₂/dt and its law", rank=1, predicted="predicted_rates", short="dσ₂/dt, law"),
    Quantity(
        "component_rates",
        "dσ/dt of the largest, law",
        rank=0,
        predicted="predicted_component_rates_balanced",
        short="dσ₁/dt, law",
    ),
    Quantity("truth_alignment", "alignment with the truth", short="alignment"),
    Quantity("log_abs_det", "log |det W|"),
    Quantity("det_sign", "sign of det W"),
    Quantity("unbalancedness", "unbalancedness", log_y=True),
    Quantity("gradient_norm", "gradient norm", log_y=True),
    Quantity("step_size", "step size", log_y=True),
)

AXES = ("step", "time", "evaluations", "elapsed_s")
"""What every lane goes forward on; any other scalar series can be an x axis too."""
_AXIS_NAMES = {"step": "step", "time": "time", "evaluations": "evals", "elapsed_s": "sec."}

VIEWS = {
    1: ("singular_values", "component_norms", "train_error"),
    2: ("effective_rank", "frobenius_norm", "test_error"),
    3: ("train_loss",),
    4: ("reconstruction_error", "held_out_error", "test_error"),
}


def axis_name(axis: str) -> str:
    """What an x axis is called, short enough for the corner under the y axis where it counts steps or time."""
    named = (quantity.title.strip() for quantity in _ALL if quantity.series == axis)
    return _AXIS_NAMES.get(axis) or next(named, axis)


def axes(history: History) -> list[str]:
    """The series that can be an x axis: those that every lane has, and scalar."""
    if not history.lanes:
        return ["step"]
    every = [name for name in history.lanes[0].columns if all(name in lane.columns for lane in history.lanes)]
    named = {quantity.series for quantity in _ALL}
    return [name for name in every if name in AXES or name in named]


def available(histories: Sequence[History]) -> list[Quantity]:
    """The quantities that any lane of the runs records."""
    found = []
    lanes = [lane for history in histories for lane in history.lanes]
    for quantity in _ALL:
        for lane in lanes:
            if quantity.series not in lane.series or quantity.unless in lane.series:
                continue
            ranks = len(lane.vectors.get(quantity.series, [])) or (1 << 30)
            if quantity.rank is None or quantity.rank < ranks:
                found.append(quantity)
                break
    return found


def columns(quantity: Quantity, lane: LaneHistory) -> list[array[float]]:
    """The lane's numbers of a quantity, one column a curve; none where the lane does not record it."""
    if quantity.series in lane.columns:
        return [lane.columns[quantity.series]]
    ranks = lane.vectors.get(quantity.series, [])
    if quantity.rank is None:
        return list(ranks)
    return ranks[quantity.rank : quantity.rank + 1]


def largest(columns: list[array[float]], most: int) -> list[int]:
    """The columns with the largest newest values, in their own order: components, which keep their places."""
    order = sorted(range(len(columns)), key=lambda index: -columns[index][-1] if len(columns[index]) else 0.0)
    return sorted(order[:most])


def prediction(quantity: Quantity, lane: LaneHistory) -> array[float] | None:
    """The theory's column for the same quantity, where there is one."""
    if quantity.predicted in lane.columns:
        return lane.columns[quantity.predicted]
    ranks = lane.vectors.get(quantity.predicted, [])
    return ranks[quantity.rank] if quantity.rank is not None and quantity.rank < len(ranks) else None
