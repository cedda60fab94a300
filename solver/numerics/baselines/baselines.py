"""The part of a run that computes its baselines, in turns with the batches of lanes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypedDict

from solver import jumps
from solver.kinds import by_kind
from solver.numerics.baselines.autoencoders import of_autoencoder
from solver.numerics.baselines.greedy import Greedy, GreedyState
from solver.numerics.baselines.images import of_images
from solver.numerics.baselines.matrices import of_matrix, of_program
from solver.numerics.baselines.nuclear_norm import NuclearNorm, ProgramState
from solver.numerics.baselines.tensors import of_tensor
from solver.numerics.problems.drawn import DrawnProblem
from solver.numerics.problems.observed import ObservedProblem
from solver.numerics.turns.turn import Turn, Turns
from solver.records import AnyRecord, Baseline, Event, Outcome, Value
from solver.settings import LaneSpec
from solver.spec import (
    Autoencoder,
    DeepMatrixFactorization,
    ImageTensor,
    MatrixProblem,
    Problem,
    RunSpec,
    Settings,
    TensorProblem,
)

_ITERATIONS_A_TURN = 20

_Quick = Callable[[Any, Any], dict[str, dict[str, Value]]]
_KNOWN: dict[Any, _Quick] = {MatrixProblem: of_matrix, TensorProblem: of_tensor, ImageTensor: of_images}
_QUICK = by_kind(Problem, _KNOWN)
# Of models that predict something else than the others do of the same problem.
_OF_MODEL: dict[type[Settings], Callable[[Any, RunSpec], dict[str, dict[str, Value]]]] = {Autoencoder: of_autoencoder}


class BaselinesState(TypedDict):
    """What going on depends on."""

    lanes: list[int]
    next: int
    programs: list[int]
    program: ProgramState | None
    greedies: list[int]
    greedy: GreedyState | None


class Baselines(Turns):
    """Computes the baselines of every problem, one after the other; takes turns with the batches of lanes.

    Where ``record.greedy_ranks`` is set, the greedy solutions follow for each matrix problem, and with
    ``record.nuclear_norm`` the solution of least nuclear norm.
    """

    IS = "baselines"
    SPENDS_ON = "baselines_s"
    MOVES_ON_WITHOUT_RECORDS = True

    def __init__(self, problems: list[DrawnProblem], lanes: list[LaneSpec], of_lane: list[int]) -> None:
        self._problems = problems
        self._every_lane = list(zip(lanes, of_lane, strict=True))
        self._lanes = [lanes[of_lane.index(k)] for k in range(len(problems))]
        self._next = 0
        self._program: NuclearNorm | None = None
        self._greedy: Greedy | None = None
        matrices = [k for k, lane in enumerate(self._lanes) if lane.spec.problem.n_modes == 2]
        self._programs = [k for k in matrices if self._lanes[k].spec.record.nuclear_norm]
        self._greedies = [k for k in matrices if self._lanes[k].spec.record.greedy_ranks]

    def _observed(self, k: int) -> ObservedProblem:
        problem = self._problems[k]
        assert isinstance(problem, ObservedProblem), "a matrix is observed"
        return problem

    def _begun(self, k: int) -> NuclearNorm:
        return NuclearNorm(self._observed(k), slack=self._lanes[k].spec.record.nuclear_norm_slack)

    def records(self) -> Iterator[Turn]:
        """The baselines, some work at a time; an empty list where more is to come."""
        while self._next < len(self._problems):
            k = self._next
            self._next += 1
            yield self._quick(k)
        while self._greedies:
            k = self._greedies[0]
            if self._greedy is None:
                self._greedy = Greedy(self._observed(k), self._lanes[k].spec.record.greedy_ranks)
            if not self._greedy.is_done:
                self._greedy.advance()
                yield []
                continue
            greedy, self._greedy = self._greedy, None
            self._greedies.pop(0)
            values = greedy.values()
            yield [Baseline(problem=k, name="greedy", values=values), *self._jumps(k, values)]
        while self._programs:
            k = self._programs[0]
            if self._program is None:
                self._program = self._begun(k)
            self._program.advance(_ITERATIONS_A_TURN)
            if not self._program.is_done:
                yield []
                continue
            program, self._program = self._program, None
            self._programs.pop(0)
            yield [Baseline(problem=k, name="nuclear_norm", values=of_program(program, self._observed(k)))]

    def _jumps(self, k: int, greedy: dict[str, Value]) -> Iterator[Event]:
        """When lanes of the problem leave their plateaus, as its greedy solutions foretell it."""
        for lane, problem in self._every_lane:
            model, optimizer = lane.spec.model, lane.spec.optimizer
            if problem != k or not isinstance(model, DeepMatrixFactorization) or not optimizer.HAS_TIME:
                continue
            times = jumps.jump_times(greedy, model.init_scale, model.depth) if model.depth > 1 else []
            for rank, time in enumerate(times, start=1):
                step = optimizer.step_at(time)
                where = f"step {step:.0f}" if step is not None else f"time {time:.4g}"
                text = f"the greedy solution of rank {rank} is foretold to rise at {where} (t{rank})"
                yield Event(lane=lane.index, name=jumps.FORETOLD, text=text, step=step, time=time)

    def end(self, outcome: Outcome) -> Turn:  # noqa: ARG002
        """Nothing to say at an early end."""
        return []

    def lanes(self) -> list[int]:
        """None: these are no lanes."""
        return []

    def state(self) -> BaselinesState:
        program = None if self._program is None else self._program.state()
        greedy = None if self._greedy is None else self._greedy.state()
        return {
            "lanes": [],
            "next": self._next,
            "programs": list(self._programs),
            "program": program,
            "greedies": list(self._greedies),
            "greedy": greedy,
        }

    def restore(self, state: BaselinesState) -> None:
        """Goes on from what ``state`` gave."""
        self._next, self._programs = state["next"], list(state["programs"])
        # A checkpoint of an older version has none.
        self._greedies = list(state.get("greedies", []))
        if (greedy := state.get("greedy")) is not None:
            k = self._greedies[0]
            self._greedy = Greedy(self._observed(k), self._lanes[k].spec.record.greedy_ranks)
            self._greedy.restore(greedy)
        if state["program"] is not None:
            self._program = self._begun(self._programs[0])
            self._program.restore(state["program"])

    def _quick(self, k: int) -> list[AnyRecord]:
        problem, spec = self._problems[k], self._lanes[k].spec
        of_model = _OF_MODEL.get(type(spec.model))
        found = _QUICK[type(spec.problem)](problem, spec.problem) if of_model is None else of_model(problem, spec)
        return [Baseline(problem=k, name=name, values=values) for name, values in found.items()]
