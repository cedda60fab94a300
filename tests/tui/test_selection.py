"""What a live view has chosen: how the axes of figures and quantities start out, and what a replay cuts."""

from __future__ import annotations

import presets
from solver.history import History
from solver.log import Reader
from solver.records import Event
from solver.rundir import Order
from tests.tui import logs
from tests.tui.histories import made
from tui.memory import Look
from tui.screens.selection import Selection
from tui.shown.figures import Figure, figures
from tui.watch import replay
from tui.watch.seen import Follower, Seen
from tui.widgets.chart import Chart


def selected(order: Order, history: History) -> Selection:
    selection = Selection(Seen("mine", "mine", order, history), Look())
    selection.update(selection.seen, [])
    return selection


def axes_of(selection: Selection) -> tuple[bool, bool]:
    """Whether x and y are logarithmic."""
    chart = Chart()
    selection.draw(chart, growing=False)
    return chart.plot.x_log, chart.plot.y_log


def test_a_figure_starts_out_with_its_own_logarithmic_axes_until_they_are_chosen_by_hand() -> None:
    told = {"train_loss": [1.0, 0.5], "unobserved_entry": [1.0, 2.0]}
    selection = selected(presets.order_of("det-2x2", "quick"), made([({}, told)]))
    (figure,) = figures(selection.seen.order.spec)
    assert isinstance(selection.item(), Figure)
    assert axes_of(selection) == (figure.x_log, figure.y_log) == (True, True)
    assert selection.toggle_log("y")
    assert axes_of(selection) == (True, False)
    selection.choose_view(3)
    assert axes_of(selection) == (False, True), "a quantity has its own, and x is that of all quantities"
    assert selection.toggle_log("x")
    assert axes_of(selection) == (True, True)
    selection.choose_kind(Figure)
    assert axes_of(selection) == (True, False), "what was chosen by hand stays"


def test_a_replay_holds_what_had_happened_by_then_and_that_frame_too() -> None:
    """Every series alike, events of later steps left out; what is predicted has no moment."""
    told = {"step": [0.0, 5.0, 10.0], "effective_rank": [1.0, 2.0, 3.0], "time": [0.0, 0.5, 1.0]}
    events = [
        Event(lane=0, name="restart", text="", step=5),
        Event(lane=0, name="restart", text="", step=10),
        Event(lane=0, name="predicted-escape", text="", step=10),
        Event(lane=None, name="start", text=""),
    ]
    history = made([({}, told)], events)
    for axis, places in (("step", (5.0, 9.9)), ("time", (0.5, 0.99))):
        for place in places:
            cut = replay.at(history, axis, place)
            assert {name: list(column) for name, column in cut.lanes[0].columns.items() if name in told} == {
                name: values[:2] for name, values in told.items()
            }
            assert cut.events == [events[0], *events[2:]]
    assert replay.at(history, "step", 10.0).lanes == history.lanes
    assert replay.at(history, "step", 10.0).events == events
    assert len(replay.at(history, "step", -1.0).lanes[0]) == 0
    assert list(replay.ticks(history, "step")) == told["step"]


def test_a_replay_tells_of_no_milestone_that_is_still_to_come() -> None:
    directory = logs.run_in_state("ended")
    follower = Follower(directory, directory.order())
    follower.history.apply(Reader(directory.log).whole())
    follower._milestones.update(follower.history)
    every = follower.seen().milestones
    place = every[0].step
    assert any(one.step > place for one in every), "else there would be nothing to leave out"
    assert follower.seen("step", place).milestones == [one for one in every if one.step <= place]
