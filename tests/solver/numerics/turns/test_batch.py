"""A batch alone, with a method that steps along given losses and lanes that only say what they are asked."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from solver.numerics.lanes.lane import LaneRun, Watched
from solver.numerics.lanes.metrics import Metrics
from solver.numerics.lanes.schedule import Schedule
from solver.numerics.methods.kept import ByLane
from solver.numerics.methods.method import Method
from solver.numerics.problems.drawn import Arrays, DrawnProblem
from solver.numerics.turns.batch import Batch, BatchState
from solver.numerics.turns.measuring import Items, Measuring
from solver.records import AnyRecord, Event, Frame, LaneEnding, Outcome, Picture, Snapshot, Summary, Value
from solver.settings import LaneSpec
from solver.spec import GradientDescent, GradientFlow, Optimizer, Record, RunSpec, Stop

SIZE = 0.5
"""Flow time of a step."""
NEVER = 10**9


class Steps(Method):
    """Takes the steps that it is asked for; the loss of a lane after s steps is the s-th of its track, or the last."""

    tracks: ByLane[list[list[float]]]
    names: ByLane[list[int]]
    """What the lane is called, wherever it stands."""

    def __init__(self, tracks: dict[int, list[float]], *, is_dense: bool = False, has_time: bool = True) -> None:
        super().__init__(len(tracks))
        self.names, self.tracks = list(tracks), list(tracks.values())
        self.times = [0.0] * len(tracks) if has_time else None
        self.is_dense = is_dense
        self.asked: list[tuple[int, float]] = []
        self.kept: list[list[int]] = []
        self.says: dict[tuple[int, int], str] = {}
        """By lane and step."""
        self.stationary_at = self.stuck_at = NEVER
        self.idle: list[set[int]] = []
        """The lanes that take no step in each of the first calls, which are of one attempt then."""
        self.losses = [self._loss(lane) for lane in range(len(tracks))]

    def _loss(self, lane: int) -> float:
        track = self.tracks[lane]
        return track[min(self.steps[lane], len(track) - 1)]

    def advance(self, until: int, target: float) -> list[bool]:
        assert until > max(self.steps), "asked for no step"
        self.asked.append((until, target))
        before = list(self.steps)
        idle = self.idle[len(self.asked) - 1] if len(self.asked) <= len(self.idle) else None
        moving = [idle is None or name not in idle for name in self.names]
        while max(self.steps) < until:
            for lane, moves in enumerate(moving):
                self.steps[lane] += moves
                self.evaluations[lane] += moves
                if self.times is not None:
                    self.times[lane] = self.steps[lane] * SIZE
            self.losses = [self._loss(lane) for lane in range(len(self.names))]
            if idle is not None or not all(target < loss < math.inf for loss in self.losses):
                break
        return [now > then for now, then in zip(self.steps, before, strict=True)]

    def step_sizes(self) -> list[float]:
        return [SIZE] * len(self.names)

    def parameters(self, lane: int) -> Tensor:
        return torch.tensor([self.names[lane], self.steps[lane]], dtype=torch.float64)

    def inside(self, lane: int, fraction: float) -> Tensor | None:
        place = [self.names[lane], self.steps[lane] - 1 + fraction]
        return torch.tensor(place, dtype=torch.float64) if self.is_dense else None

    def measured(self, lane: int) -> dict[str, float]:
        return {"rejections": float(10 * self.names[lane])}

    def said(self, lane: int) -> list[str]:
        said = self.says.pop((self.names[lane], self.steps[lane]), None)
        return [] if said is None else [said]

    def is_stationary(self, lane: int) -> bool:
        return self.steps[lane] >= self.stationary_at

    def stuck(self, lane: int) -> str | None:
        return "no step is short enough" if self.steps[lane] >= self.stuck_at else None

    def keep(self, lanes: list[int]) -> None:
        self.kept.append(lanes)
        super().keep(lanes)


class Shown(Metrics):
    """What was measured (the lane's name and its place along the steps), with what the loop said beside it."""

    SERIES: ClassVar[tuple[str, ...]] = (
        *("effective_rank", "nuclear_norm", "step", "time", "elapsed_s", "evaluations"),
        *("train_loss", "step_size", "rejections"),
    )

    def __init__(self) -> None:
        super().__init__(())
        self.losses: dict[float, float] = {}
        """By the place along the steps."""

    def measure(self, parameters: Tensor, known: dict[str, float]) -> list[Value]:
        # A loss that the loop does not know is computed there; here it is nothing, unless something is said.
        name, place = parameters.tolist()
        measured = self.losses.get(place, -1.0)
        found = {"effective_rank": name, "nuclear_norm": place, "train_loss": measured, "time": -1.0} | known
        return self._frame({name: found[name] for name in self.SERIES})


class NoProblem(DrawnProblem):
    @property
    def sizes(self) -> tuple[int, ...]:
        return ()

    @classmethod
    def draw(cls, spec: Any, seed: int) -> NoProblem:
        return cls()

    @classmethod
    def restore(cls, spec: Any, seed: int, kept: Arrays) -> NoProblem:
        return cls()

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        return {}


class Every(Schedule):
    """Every so many steps."""

    def __init__(self, steps: int, pieces: int = 1) -> None:
        self._steps, self.pieces = steps, pieces

    def after(self, step: int) -> int:
        return (step // self._steps + 1) * self._steps


class Lane(LaneRun[Any, Any]):
    """Announces every third frame that it has taken, once each, and ends where it is told to."""

    def __init__(self, index: int, spec: RunSpec, every: int = 1, *, speaks: bool = False) -> None:
        super().__init__(LaneSpec(index=index, parameters={"seed": 0}, spec=spec), NoProblem())
        self.schedule = Every(every, spec.record.per_step)
        self.speaks = speaks
        self.branch_at = NEVER
        self.watched: list[tuple[list[float], int, float]] = []

    def prepare(self) -> None:
        self._metrics = Shown()

    @property
    def metrics(self) -> Shown:
        return self._metrics

    @classmethod
    def method(cls, runs: Sequence[Any], dtype: torch.dtype, device: torch.device) -> Method:
        raise NotImplementedError

    def start(self) -> Tensor:
        return torch.zeros(2, dtype=torch.float64)

    def foretold(self) -> list[Event]:
        return [Event(lane=self.lane.index, name="foretold", text="a jump")] if self.speaks else []

    @property
    def watches(self) -> bool:
        return self.speaks

    def watch(self, parameters: Tensor, step: int, loss: float) -> Watched:
        self.watched.append((parameters.tolist(), step, loss))
        events = []
        name = f"{self.frames_taken // 3} × 3 frames"
        if name not in self.said:
            self.said.append(name)
            events.append(Event(lane=self.lane.index, name="watched", text=name, step=step))
        ending = Outcome(kind="stopped", reason="the wrong branch", cause="branch") if step >= self.branch_at else None
        return events, ending

    def _picture(self, name: str, parameters: Tensor, step: int) -> Snapshot:
        values: list[int | float | str | None] = [*parameters.tolist()]
        return Snapshot(lane=self.lane.index, step=step, name=name, shape=[2], values=values)

    def pictures(self, parameters: Tensor, step: int) -> Sequence[Snapshot | Picture]:
        return [self._picture("picture", parameters, step)] if self.speaks and self.is_pictured else []

    def last_pictures(self, parameters: Tensor, step: int) -> Sequence[Snapshot | Picture]:
        return [self._picture("end", parameters, step)]

    def summary(self, parameters: Tensor) -> dict[str, float]:
        return {"place": parameters[1].item()} if self.speaks else {}


def word(record: AnyRecord | Measuring) -> str:
    """What a record says in short; frames and pictures must be of the lane that they name."""
    if isinstance(record, Frame):
        assert record.values[0] == record.lane, "measured on another lane's parameters"
        return f"frame {record.lane} {record.values[1]:g}"
    if isinstance(record, Snapshot):
        assert record.values == [record.lane, record.step], "a picture of another lane"
        return f"{record.name} {record.lane} {record.step}"
    if isinstance(record, Event):
        return f"{record.name} {record.lane}: {record.text}"
    if isinstance(record, Summary):
        return f"summary {record.lane} {record.values['place']}"
    assert isinstance(record, LaneEnding)
    return f"ending {record.lane} {record.outcome.kind}"


def words(turns: Sequence[Items]) -> list[list[str]]:
    return [[word(record) for record in turn] for turn in turns]


def flat(turns: Sequence[Items], kind: str = "") -> list[str]:
    return [one for turn in words(turns) for one in turn if one.startswith(kind)]


def spec_of(
    *,
    max_steps: int = 1000,
    train_loss: float | None = None,
    max_time: float | None = None,
    per_step: int = 2,
    optimizer: Optimizer | None = None,
) -> RunSpec:
    return RunSpec(
        optimizer=GradientDescent(step_size=SIZE) if optimizer is None else optimizer,
        stop=Stop(max_steps=max_steps, train_loss=train_loss, max_time=max_time),
        record=Record(per_step=per_step),
    )


class Made:
    """A batch of these lanes, by name with their losses."""

    def __init__(
        self,
        tracks: dict[int, list[float]],
        spec: RunSpec,
        *,
        every: int = 1,
        speaks: bool = False,
        is_dense: bool = False,
        has_time: bool = True,
        ticks: int = 1000,
    ) -> None:
        self.method = Steps(tracks, is_dense=is_dense, has_time=has_time)
        self.lanes = [Lane(index, spec, every, speaks=speaks) for index in tracks]
        self.seconds = 0.0
        self.batch = Batch(self.lanes, self.method, lambda: self.seconds, ticks)

    def turns(self) -> list[Items]:
        return list(self.batch.records())


GOES_ON = [1.0]


def test_records_of_a_lane_stand_in_their_order() -> None:
    """What is foretold comes first; then frame, pictures and events of each state; the last words at the end."""
    made = Made({4: GOES_ON}, spec_of(max_steps=9), every=4, speaks=True)
    made.method.says = {(4, 4): "another scheme takes over"}
    assert words(made.turns()) == [
        ["foretold 4: a jump", "frame 4 0", "picture 4 0", "watched 4: 0 × 3 frames"],
        ["frame 4 4", "hand-over 4: step 4: another scheme takes over"],
        ["frame 4 8", "watched 4: 1 × 3 frames"],
        ["frame 4 9", "end 4 9", "summary 4 9.0", "ending 4 max-steps"],
    ]


def test_records_of_several_lanes_stand_lane_by_lane_and_endings_after_what_is_said() -> None:
    made = Made({0: [1.0], 1: [1.0, 0.0], 2: [1.0, 0.0]}, spec_of(train_loss=1e-9, max_steps=2), speaks=True)
    made.method.says = {(0, 1): "zero", (2, 1): "two"}
    first, second, third = words(made.turns())
    starts = [[f"frame {k} 0", f"picture {k} 0"] for k in range(3)]
    assert first == [
        *[f"foretold {k}: a jump" for k in range(3)],
        *[one for start in starts for one in start],
        *[f"watched {k}: 0 × 3 frames" for k in range(3)],
    ]
    assert second == [
        *["frame 0 1", "frame 1 1", "frame 2 1"],
        *["hand-over 0: step 1: zero", "hand-over 2: step 1: two"],
        *["end 1 1", "summary 1 1.0", "ending 1 converged"],
        *["end 2 1", "summary 2 1.0", "ending 2 converged"],
    ]
    assert third == ["frame 0 2", "watched 0: 1 × 3 frames", "end 0 2", "summary 0 2.0", "ending 0 max-steps"]


def test_a_hand_over_says_when() -> None:
    made = Made({0: GOES_ON}, spec_of(max_steps=1))
    made.method.says = {(0, 1): "one takes over"}
    assert [record for record in made.turns()[1] if isinstance(record, Event)] == [
        Event(lane=0, name="hand-over", text="step 1: one takes over", step=1, time=SIZE)
    ]


def test_a_frame_has_what_the_loop_knows_in_the_order_of_the_series() -> None:
    """Step, time, clock, gradients, loss and step size, and what the method alone can measure."""
    made = Made({3: [1.0, 0.25]}, spec_of(max_steps=1))
    made.seconds = 1.23456789
    _, (frame, *_) = made.turns()
    assert frame == Frame(lane=3, values=[3.0, 1.0, 1, SIZE, 1.234568, 2, 0.25, SIZE, 30.0])
    assert made.batch.clock == 4


def test_a_method_without_time_has_none_in_its_frames() -> None:
    _, (frame, *_) = Made({3: GOES_ON}, spec_of(max_steps=1), has_time=False).turns()
    assert isinstance(frame, Frame)
    assert frame.values[3] == -1.0


def test_what_watches_sees_every_look_with_its_own_parameters() -> None:
    """Recorded or not; one that does not watch is not asked."""
    made = Made({0: GOES_ON, 6: [1.0, 0.5]}, spec_of(max_steps=3), every=10, speaks=True, ticks=1)
    made.turns()
    assert made.lanes[1].watched == [([6.0, float(k)], k, 1.0 if k == 0 else 0.5) for k in range(4)]
    silent = Made({0: GOES_ON}, spec_of(max_steps=3))
    silent.turns()
    assert silent.lanes[0].watched == []


def test_the_first_frame_is_the_start_before_any_step() -> None:
    made = Made({0: GOES_ON, 1: GOES_ON}, spec_of(), every=100, is_dense=True)
    assert words([next(made.batch.records())]) == [["frame 0 0", "frame 1 0"]]
    assert made.method.asked == []


@pytest.mark.parametrize(("loss", "kind"), [(1e-12, "converged"), (math.nan, "diverged"), (math.inf, "diverged")])
def test_a_start_may_be_the_end(loss: float, kind: str) -> None:
    """It meets the target, or is out of range: no step is taken."""
    made = Made({0: [loss]}, spec_of(train_loss=1e-9))
    assert words(made.turns()) == [["frame 0 0", "end 0 0", f"ending 0 {kind}"]]
    assert made.method.asked == []


def test_frames_inside_a_step_are_those_of_dense_output() -> None:
    """Each a piece of the last step; the loss there is nobody's to know, and the step is that it began with."""
    spec = spec_of(max_steps=4, per_step=4, optimizer=GradientFlow())
    made = Made({5: GOES_ON}, spec, every=2, is_dense=True)
    turns = made.turns()
    assert flat(turns, "frame") == [
        *["frame 5 0", "frame 5 1.25", "frame 5 1.5", "frame 5 1.75", "frame 5 2"],
        *["frame 5 3.25", "frame 5 3.5", "frame 5 3.75", "frame 5 4"],
    ]
    series = [dict(zip(Shown.SERIES, frame.values, strict=True)) for frame in turns[1] if isinstance(frame, Frame)]
    assert [one["step"] for one in series] == [1, 1, 1, 2]
    assert [one["time"] for one in series] == [1.25 * SIZE, 1.5 * SIZE, 1.75 * SIZE, 2 * SIZE]
    assert [one["train_loss"] for one in series] == [-1.0, -1.0, -1.0, 1.0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_state_inside_a_step_with_more_loss_than_the_step_began_with_is_left_out(
    dtype: Literal["float64", "float32"],
) -> None:
    """The flow's loss never rises, so such a state is none of the flow's. Of a step from 1 to .5:

    less, as much and as much but for rounding are kept, wherever between the ends; more is left out alone.
    """
    rounding = torch.finfo(getattr(torch, dtype)).eps
    spec = msgspec.structs.replace(spec_of(max_steps=1, per_step=6, optimizer=GradientFlow()), dtype=dtype)
    made = Made({5: [1.0, 0.5]}, spec, is_dense=True)
    inside = {1 / 6: 1.0, 2 / 6: 1.0 + 32 * rounding, 3 / 6: 1.0 + 128 * rounding, 4 / 6: 2.0, 5 / 6: 0.75}
    made.lanes[0].metrics.losses.update(inside)
    assert flat(made.turns(), "frame") == [f"frame 5 {place:g}" for place in (0, 1 / 6, 2 / 6, 5 / 6, 1)]


def test_what_a_state_inside_a_step_is_held_against_is_its_own_lane_and_the_step_before() -> None:
    """A lane of larger loss beside it, and a larger loss a step earlier, excuse nothing."""
    spec = spec_of(max_steps=2, per_step=2, optimizer=GradientFlow())
    made = Made({3: [1.0, 0.5, 0.25], 4: [9.0, 8.0, 7.0]}, spec, is_dense=True)
    for lane in made.lanes:
        lane.metrics.losses.update({0.5: 0.75, 1.5: 0.75})
    assert flat(made.turns(), "frame") == [
        *["frame 3 0", "frame 4 0", "frame 3 0.5", "frame 3 1", "frame 4 0.5", "frame 4 1"],
        *["frame 3 2", "frame 4 1.5", "frame 4 2"],
    ]


def test_a_method_without_dense_output_has_no_frames_inside_its_steps() -> None:
    made = Made({5: GOES_ON}, spec_of(max_steps=2, per_step=4))
    assert flat(made.turns(), "frame") == ["frame 5 0", "frame 5 1", "frame 5 2"]


def test_a_last_frame_that_no_schedule_asks_for_has_none_inside_its_step() -> None:
    made = Made({5: GOES_ON}, spec_of(max_steps=3, optimizer=GradientFlow()), every=2, is_dense=True)
    assert flat(made.turns(), "frame") == ["frame 5 0", "frame 5 1.5", "frame 5 2", "frame 5 3"]


def test_a_lane_that_converges_leaves_and_the_others_move_up() -> None:
    """The method keeps the others, whose positions shift; ``word`` checks that each is measured on its own numbers."""
    tracks = {2: GOES_ON, 3: [1.0, 1.0, 0.0], 7: [1.0, 1.0, 1.0, 0.0], 9: GOES_ON}
    made = Made(tracks, spec_of(train_loss=1e-9, max_steps=4))
    records = made.batch.records()
    under_way = []
    turns = []
    for turn in records:
        turns.append(turn)
        under_way.append(made.batch.lanes())
    assert under_way == [[2, 3, 7, 9], [2, 3, 7, 9], [2, 7, 9], [2, 9], []]
    assert made.method.kept == [[0, 2, 3], [0, 2]], "where nobody is left, there is nothing to keep"
    assert flat(turns, "ending") == [
        *["ending 3 converged", "ending 7 converged"],
        *["ending 2 max-steps", "ending 9 max-steps"],
    ]
    assert flat(turns, "frame 9") == [f"frame 9 {k}" for k in range(5)]
    assert flat(turns, "frame 3") == ["frame 3 0", "frame 3 1", "frame 3 2"]
    assert {target for _, target in made.method.asked} == {1e-9}


def test_without_a_target_no_loss_is_small_enough() -> None:
    made = Made({0: [0.0]}, spec_of(max_steps=2))
    assert flat(made.turns(), "ending") == ["ending 0 max-steps"]
    assert {target for _, target in made.method.asked} == {-math.inf}


LADDER = ["diverged", "branch", "converged", "max-time", "stationary", "max-steps", "stuck"]


def ending_of(reasons: Sequence[str], *, has_time: bool = True) -> Outcome:
    """How a lane ends at whose third step all these reasons hold and none before."""
    loss = math.inf if "diverged" in reasons else 1e-12 if "converged" in reasons else 0.5
    spec = spec_of(
        max_steps=3 if "max-steps" in reasons else 5,
        max_time=3 * SIZE if "max-time" in reasons else None,
        train_loss=1e-9,
    )
    made = Made({0: [1.0, 1.0, 1.0, loss, loss, loss]}, spec, speaks=True, has_time=has_time)
    made.lanes[0].branch_at = 3 if "branch" in reasons else NEVER
    made.method.stationary_at = 3 if "stationary" in reasons else NEVER
    made.method.stuck_at = 3 if "stuck" in reasons else NEVER
    *others, last = made.turns()
    assert not flat(others, "ending")
    (ending,) = (record for record in last if isinstance(record, LaneEnding))
    assert len(others) == (3 if reasons and (has_time or reasons != ["max-time"]) else 5)
    return ending.outcome


@pytest.mark.parametrize("rung", range(len(LADDER)))
def test_of_several_reasons_to_end_the_first_counts(rung: int) -> None:
    """In the order of precedence: each alone, and with all that come after it."""
    reason = LADDER[rung]
    wanted = {"branch": "stopped", "stationary": "stopped", "stuck": "failed"}.get(reason, reason)
    for reasons in ([reason], LADDER[rung:], [reason, LADDER[-1]]):
        outcome = ending_of(reasons)
        assert outcome.kind == wanted
        assert outcome.cause == (reason if wanted == "stopped" else "")
        assert outcome.cure or reason in ("branch", "converged")


def test_a_lane_without_a_reason_to_end_goes_on_to_max_steps() -> None:
    outcome = ending_of([])
    assert outcome.kind == "max-steps"
    assert outcome.reason == "5 steps were taken, train_loss is 0.5"


def test_max_time_is_of_no_account_to_a_method_that_has_none() -> None:
    assert ending_of(["max-time"], has_time=False).kind == "max-steps"


def test_max_time_is_flow_time_and_rounding_does_not_miss_it() -> None:
    """Steps of a half: 4 of them, not 2, and not 5 where the sum is a hair short."""
    made = Made({0: GOES_ON}, spec_of(max_time=2.0))
    assert flat(made.turns(), "ending") == ["ending 0 max-time"]
    assert made.method.steps == [4]
    short = Made({0: GOES_ON}, spec_of(max_time=2.0 * (1 + 1e-13)))
    assert flat(short.turns(), "frame")[-1] == "frame 0 4"


def test_a_diverged_lane_says_nothing_else() -> None:
    """Its numbers mean nothing; nobody watches them, and the schemes that took over do not matter."""
    made = Made({0: [1.0, math.nan]}, spec_of(), speaks=True)
    made.method.says = {(0, 1): "takes over"}
    made.lanes[0].branch_at = 1
    _, last = words(made.turns())
    assert last == ["frame 0 1", "end 0 1", "summary 0 1.0", "ending 0 diverged"]
    assert [step for _, step, _ in made.lanes[0].watched] == [0]


def test_a_divergence_names_the_number_to_lower() -> None:
    """The step size where there is one and a step was taken; else the start, or the data."""

    def outcome(track: list[float], optimizer: Optimizer) -> Outcome:
        *_, last = Made({0: track}, spec_of(optimizer=optimizer)).turns()[-1]
        assert isinstance(last, LaneEnding)
        return last.outcome

    after = outcome([1.0, math.inf], GradientDescent(step_size=SIZE))
    assert "step_size 0.5 is too large" in after.reason
    assert after.cure == "try optimizer.step_size 0.05"
    assert "init_scale" in outcome([math.inf], GradientDescent(step_size=SIZE)).cure
    assert "init_scale" in outcome([1.0, math.inf], GradientFlow()).cure


@pytest.mark.parametrize(("max_steps", "frames"), [(3, [0, 2, 3]), (4, [0, 2, 4])])
def test_the_last_state_is_recorded_once(max_steps: int, frames: list[int]) -> None:
    """Where the schedule asks for it, and where it does not."""
    made = Made({0: GOES_ON}, spec_of(max_steps=max_steps), every=2)
    assert flat(made.turns(), "frame") == [f"frame 0 {step}" for step in frames]


@pytest.mark.parametrize("outcome", [Outcome(kind="stopped", reason="asked"), Outcome(kind="failed", reason="broken")])
def test_an_end_from_outside_is_each_lanes_last_word(outcome: Outcome) -> None:
    """The last state where it is not recorded yet; what costs too much is not computed for who wants to stop."""
    made = Made({0: GOES_ON, 4: GOES_ON}, spec_of(), every=3, speaks=True, ticks=1)
    made.lanes[1].schedule = Every(2, made.lanes[1].schedule.pieces)
    records = made.batch.records()
    for _ in range(3):
        next(records)
    ends = words([made.batch.end(outcome)])[0]
    kind, unfinished = outcome.kind, outcome.is_unfinished
    assert ends == [
        *["frame 0 2", "end 0 2", *([] if unfinished else ["summary 0 2.0"]), f"ending 0 {kind}"],
        *["end 4 2", *([] if unfinished else ["summary 4 2.0"]), f"ending 4 {kind}"],
    ]
    assert made.batch.lanes() == []
    assert list(records) == [], "nobody is left to train"
    assert made.batch.end(outcome) == [], "and nobody to end"


def test_lanes_are_recorded_by_their_own_schedules() -> None:
    made = Made({0: GOES_ON, 1: GOES_ON}, spec_of(max_steps=6))
    made.lanes[0].schedule, made.lanes[1].schedule = Every(2, made.lanes[1].schedule.pieces), Every(3)
    turns = made.turns()
    assert flat(turns, "frame 0") == ["frame 0 0", "frame 0 2", "frame 0 4", "frame 0 6"]
    assert flat(turns, "frame 1") == ["frame 1 0", "frame 1 3", "frame 1 6"]
    assert [until for until, _ in made.method.asked] == [2, 3, 4, 6]


def test_a_lane_that_did_not_move_is_not_recorded_again() -> None:
    """A step that error control did not accept leaves a turn without records, for the caller to look around."""
    made = Made({0: GOES_ON, 1: GOES_ON}, spec_of(max_steps=2))
    made.method.idle = [{1}, {0, 1}, {0}, set(), {1}]
    assert words(made.turns()) == [
        ["frame 0 0", "frame 1 0"],
        ["frame 0 1"],
        [],
        ["frame 1 1"],
        [
            *["frame 0 2", "frame 1 2"],
            *["end 0 2", "ending 0 max-steps", "end 1 2", "ending 1 max-steps"],
        ],
    ]


@pytest.mark.parametrize(
    ("every", "max_steps", "max_time", "ticks", "asked"),
    [
        pytest.param(5, 1000, None, 1000, [5, 10, 15], id="the schedule"),
        pytest.param(5, 7, None, 1000, [5, 7], id="max_steps"),
        pytest.param(100, 1000, 3.2, 1000, [7], id="max_time, a fixed step"),
        pytest.param(100, 1000, 3.0, 1000, [6], id="max_time, a whole number of steps"),
        pytest.param(100, 1000, 3.0 * (1 + 4e-16), 1000, [6], id="max_time, rounding"),
        pytest.param(100, 4, 3.0, 1000, [4], id="max_steps before max_time"),
        pytest.param(5, 1000, None, 2, [2, 4, 5, 7, 9, 10], id="ticks"),
        pytest.param(1000, 1000, None, 300, [300, 600, 900, 1000], id="ticks and max_steps"),
    ],
)
def test_steps_are_asked_for_up_to_what_comes_first(
    every: int, max_steps: int, max_time: float | None, ticks: int, asked: list[int]
) -> None:
    made = Made({0: GOES_ON}, spec_of(max_steps=max_steps, max_time=max_time), every=every, ticks=ticks)
    records = made.batch.records()
    next(records)
    for _ in asked:
        next(records)
    assert [until for until, _ in made.method.asked] == asked


def test_a_step_of_varying_length_is_watched_step_by_step_where_time_is_limited() -> None:
    """Nobody knows beforehand at which step the time is up."""
    made = Made({0: GOES_ON}, spec_of(max_time=1.5, optimizer=GradientFlow()), every=100)
    made.turns()
    assert [until for until, _ in made.method.asked] == [1, 2, 3]


def test_at_least_one_step_is_asked_for() -> None:
    """Also of a lane that lags behind: its next record may be behind the foremost one's step."""
    made = Made({0: GOES_ON, 1: GOES_ON}, spec_of(max_steps=5), every=2)
    made.method.idle = [{1}, {1}, {1}]
    records = made.batch.records()
    for _ in range(4):
        next(records)
    assert made.method.steps == [3, 0]
    assert [until for until, _ in made.method.asked] == [2, 2, 3]


def flow_of(lanes: Sequence[int]) -> Made:
    """Lanes that say and end as different things as there are, of which a few are under way again."""
    whole = {2: GOES_ON, 3: [1.0, 1.0, 0.0], 7: [1.0] * 5 + [0.0], 9: GOES_ON}
    spec = spec_of(train_loss=1e-9, max_steps=14, optimizer=GradientFlow())
    return Made({lane: whole[lane] for lane in lanes}, spec, every=2, speaks=True, is_dense=True, ticks=3)


@pytest.mark.parametrize("at", range(10))
def test_a_batch_restored_at_any_turn_goes_on_with_the_same_records(at: int) -> None:
    """What is saved is all that its records depend on: what was announced, what was recorded, where the method is."""
    made = flow_of([2, 3, 7, 9])
    state, rest, n = copy.deepcopy(made.batch.state()), [], 0
    for turn in made.batch.records():
        n += 1
        if n <= at:
            state = copy.deepcopy(made.batch.state())
        else:
            rest.append(turn)
    assert n == 9
    again = flow_of(state["lanes"]) if state["lanes"] else None
    if again is None:
        assert rest == []
        return
    again.batch.restore(state)
    assert again.batch.lanes() == state["lanes"]
    assert list(again.batch.records()) == rest


@pytest.mark.parametrize("at", range(1, 9))
def test_a_restored_batch_ends_as_it_would_have_ended(at: int) -> None:
    """It knows which states were recorded, and records none of them again."""
    made = flow_of([2, 3, 7, 9])
    records = made.batch.records()
    for _ in range(at):
        next(records)
    again = flow_of(made.batch.lanes())
    again.batch.restore(copy.deepcopy(made.batch.state()))
    outcome = Outcome(kind="stopped", reason="asked")
    assert again.batch.end(outcome) == made.batch.end(outcome)


def test_a_state_names_the_lanes_under_way_and_where_their_clock_is() -> None:
    made = flow_of([2, 3, 7, 9])
    records = made.batch.records()
    next(records)
    next(records)
    state: BatchState = made.batch.state()
    assert state["lanes"] == [2, 7, 9]
    assert state["clock"] == Shown.SERIES.index("elapsed_s")
    assert state["begun"]
    assert state["next_recorded"] == [4, 4, 4]
    assert state["last_recorded"] == [2, 2, 2]
    assert state["frames_taken"] == [2, 2, 2]
