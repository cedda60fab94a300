"""The status lines of a run: numbers and progress, then its state in one sentence."""

from __future__ import annotations

from solver.history import History, LaneHistory
from solver.progress import Progress
from tui.draw.plot import DIM, TEXT
from tui.text import duration, inert, quantity
from tui.widgets.rows import BAD, BUSY, GOOD, Rows, row

# Never by colour alone: every state has a sign and a word.
_STATES = {
    "starting": ("…", BUSY),
    "running": ("▶", GOOD),
    "paused": ("‖", BUSY),
    "waiting-for-disk": ("‖", BUSY),
    "converged": ("✓", GOOD),
    "max-steps": ("■", TEXT),
    "max-time": ("■", TEXT),
    "max-seconds": ("■", TEXT),
    "stopped": ("■", TEXT),
    "diverged": ("✗", BAD),
    "failed": ("✗", BAD),
    "killed": ("✗", BAD),
}


class Status(Rows):
    """Two lines at the foot of the live view."""

    def draw(
        self, history: History, lane: LaneHistory | None, now: Progress, device: str, state: str, sentence: str
    ) -> None:
        """Shows where ``lane`` and the whole run stand."""
        width = self.size.width
        if not width:
            return
        sign, colour = _STATES.get(state, ("?", TEXT))
        self.show(
            [
                row(*self._numbers(history, lane, now, device, width), width=width),
                row((f"{sign} {state}", colour), (f"  {inert(sentence, 400)}" if sentence else "", TEXT), width=width),
            ]
        )

    def _numbers(
        self, history: History, lane: LaneHistory | None, now: Progress, device: str, width: int
    ) -> list[tuple[str, int]]:
        told = [device]
        if lane is not None and len(lane):
            told.append(f"step {int(lane.columns['step'][-1])}")
            if "time" in lane.columns:
                told.append(f"time {quantity(lane.columns['time'][-1])}")
            told.append(f"loss {quantity(lane.columns['train_loss'][-1])}")
        told.append(f"{quantity(now.evaluations_per_s)} eval/s")
        left = "done in" if history.ending is not None else "left"
        seconds = history.elapsed_s() if history.ending is not None else now.seconds_left
        told.append(f"{left} {duration(seconds)}")
        text = " · ".join(told)
        bar_width = max(6, min(20, width - len(text) - 8))
        full = round(now.fraction * bar_width)
        bar = "█" * full + "░" * (bar_width - full)
        tail = f" {bar} {now.fraction:4.0%}"
        return [(f"{text[: max(0, width - len(tail))]:<{max(0, width - len(tail))}}", TEXT), (tail, DIM)]
