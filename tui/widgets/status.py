"""The status lines of a run: numbers and progress, then its state in one sentence."""

from __future__ import annotations

from textwrap import wrap

from solver.history import History, LaneHistory
from solver.progress import Progress
from solver.spec import FLOW_METHODS
from tui.draw.cells import DIM, TEXT, row
from tui.shown.verdict import Standing
from tui.text import cut, duration, inert, label, quantity
from tui.widgets.rows import Rows

_MOST_LINES = 3


class Status(Rows):
    """Two lines at the foot of the live view."""

    def draw(
        self, history: History, lane: LaneHistory | None, now: Progress, device: str, state: Standing, sentence: str
    ) -> None:
        """Shows where ``lane`` and the whole run stand."""
        width = self.size.width
        if not width:
            return
        head, colour = f"{state.sign} {state.words}", state.colour
        # A sentence is shown whole: it has the reason and the cure. It wraps, on three lines at most.
        wrapped = wrap(f"{head}  {inert(sentence, 400)}", width, subsequent_indent="  ")
        if len(wrapped) > _MOST_LINES:
            wrapped[_MOST_LINES - 1 :] = [cut(f"{wrapped[_MOST_LINES - 1]} {wrapped[_MOST_LINES].lstrip()}", width)]
        rows = [row(*_numbers(history, lane, now, device, width), width=width)]
        rows.append(row((head, colour), (wrapped[0][len(head) :], TEXT), width=width))
        rows += [row((text, TEXT), width=width) for text in wrapped[1:]]
        self.styles.height = len(rows)
        self.show(rows)


def _numbers(
    history: History, lane: LaneHistory | None, now: Progress, device: str, width: int
) -> list[tuple[str, int]]:
    """Device, step, time, loss, pace and time left, as many as fit, then the bar."""
    # The most important last: the first are left out first where there is no room.
    told = [device]
    if lane is not None and len(lane):
        if "method" in lane.columns:
            told.append(FLOW_METHODS[int(lane.columns["method"][-1])])
        if "time" in lane.columns:
            told.append(f"time {quantity(lane.columns['time'][-1])}")
        told.append(f"{quantity(now.evaluations_per_s)} eval/s")
        told.append(f"loss {quantity(lane.columns['train_loss'][-1])}")
        whose = f"{label(history, lane)}: " if len(history.lanes) > 1 else ""
        told.append(f"{whose}step {int(lane.columns['step'][-1])}")
    if history.state == "replayed":
        told.append(f"at {duration(history.elapsed_s())}")
    elif history.ending is not None:
        told.append(f"took {duration(history.elapsed_s())}")
    else:
        told.append(f"left {duration(now.seconds_left)}")
    while len(told) > 1 and len(" · ".join(told)) + 12 > width:
        told.pop(0)
    text = " · ".join(told)
    if now.fraction >= 1.0 and history.ending is not None:
        return [(text, DIM)]
    bar_width = max(0, min(20, width - len(text) - 7))
    full = round(now.fraction * bar_width)
    tail = f" {'█' * full}{'░' * (bar_width - full)} {now.fraction:4.0%}"
    return [(f"{text:<{max(0, width - len(tail))}}", DIM), (tail, DIM)]
