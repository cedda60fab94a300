"""The page of held-out entries: what must be beaten, each lane at its best and at its last state, and what to use."""

from __future__ import annotations

from solver import held_out
from solver.held_out import Standing
from tui.draw.cells import DIM, TEXT
from tui.shown.lines import Line, wrapped
from tui.text import label, quantity
from tui.watch.seen import Seen

# So that steps of four digits stand beside the list of quantities on 80 columns.
_NAME, _NUMBER = 19, 8


def has(seen: Seen) -> bool:
    """Whether there is anything to tell."""
    return any(held_out.of_lane(lane) is not None for lane in seen.history.lanes)


def value(seen: Seen) -> str:
    """The least error of any lane."""
    found = [held_out.of_lane(lane) for lane in seen.history.lanes]
    return quantity(min((one.best.error for one in found if one is not None), default=float("nan")))


def lines(seen: Seen, width: int) -> list[Line]:
    """A table, and what to use."""
    history = seen.history
    unit = next((truth.value_name for truth in seen.truths if truth.value_name), "the file's unit")
    told: list[Line] = [
        (f"{'on what is held out':<{_NAME}}{'error':>{_NUMBER}}{'rms':>{_NUMBER}} at step", DIM),
    ]
    problems = sorted({lane.problem for lane in history.lanes})
    for name, one in held_out.of_baselines(history.baselines.get(problems[0], {})).items() if problems else ():
        told.append((_row(held_out.BASELINES[name], one, ""), TEXT))
    for lane in history.lanes:
        standing = held_out.of_lane(lane)
        if standing is None:
            continue
        told.append((_row(label(history, lane), standing.best, f"{standing.best.step} best"), TEXT))
        if standing.end.step != standing.best.step:
            told.append(
                (_row("", standing.end, f"{standing.end.step} {'now' if lane.outcome is None else 'end'}"), TEXT)
            )
    advice = held_out.lines(history, lambda lane: label(history, lane), quantity)[-1:]
    told.append(("", TEXT))
    for text in advice:
        told += wrapped(f"{text[:1].upper()}{text[1:]}.", TEXT, width, "")
    notes = [f"error: mean squared, over the mean square of the values. rms: in {unit}."]
    centre = next((truth.centre for truth in seen.truths if truth.centre is not None), None)
    if centre is not None:
        what = "Mean, rows and columns" if any(centre.modes) else f"The mean, {quantity(centre.mean)},"
        notes.append(f"{what} {'are' if any(centre.modes) else 'is'} taken out before fitting, and given back here.")
    told.append(("", TEXT))
    for note in notes:
        told += wrapped(note, DIM, width, "")
    return told


def _row(name: str, one: Standing, where: str) -> str:
    short = name if len(name) < _NAME else f"{name[: _NAME - 2]}…"
    return f"{short:<{_NAME}}{quantity(one.error):>{_NUMBER}}{quantity(one.rmse):>{_NUMBER}} {where}".rstrip()
