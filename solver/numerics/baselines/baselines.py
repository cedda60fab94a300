"""The part of a run that computes its baselines, in turns with the batches of lanes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypedDict

from solver.kinds import by_kind
from solver.numerics.baselines.images import of_images
from solver.numerics.baselines.matrices import of_matrix, of_program
from solver.numerics.baselines.nuclear_norm import NuclearNorm, ProgramState
from solver.numerics.baselines.tensors import of_tensor
from solver.numerics.problems.drawn import DrawnProblem
from solver.numerics.problems.observed import ObservedProblem
from solver.numerics.turns.turn import Turn, Turns
from solver.records import AnyRecord, Baseline, Outcome, Value
from solver.settings import LaneSpec
from solver.spec import ImageTensor, MatrixProblem, Problem, TensorProblem

_ITERATIONS_A_TURN = 20

_Quick = Callable[[Any, Any], dict[str, dict[str, Value]]]
_KNOWN: dict[Any, _Quick] = {MatrixProblem: of_matrix, TensorProblem: of_tensor, ImageTensor: of_images}
_QUICK = by_kind(Problem, _KNOWN)


class BaselinesState(TypedDict):
    """What going on depends on."""

    lanes: list[int]
    next: int
    programs: list[int]
    program: ProgramState | None


class Baselines(Turns):
    """Computes the baselines of every problem, one after the other; takes turns with the batches of lanes.

    Where ``record.nuclear_norm`` is set, the solution of least nuclear norm follows for each matrix problem.
    """

    IS = "baselines"
    MOVES_ON_WITHOUT_RECORDS = True

    def __init__(self, problems: list[DrawnProblem], first_lanes: list[LaneSpec]) -> None:
        self._problems = problems
        self._lanes = first_lanes
        self._next = 0
        self._program: NuclearNorm | None = None
        self._programs = [k for k in range(len(problems)) if self._has_program(k)]

    def _has_program(self, k: int) -> bool:
        return self._lanes[k].spec.record.nuclear_norm and self._lanes[k].spec.problem.n_modes == 2

    def _observed(self, k: int) -> ObservedProblem:
        problem = self._problems[k]
        assert isinstance(problem, ObservedProblem), "a matrix is observed"
        return problem

    def records(self) -> Iterator[Turn]:
        """The baselines, some work at a time; an empty list where more is to come."""
        while self._next < len(self._problems):
            k = self._next
            self._next += 1
            yield self._quick(k)
        while self._programs:
            k = self._programs[0]
            if self._program is None:
                self._program = NuclearNorm(self._observed(k))
            self._program.advance(_ITERATIONS_A_TURN)
            if not self._program.is_done:
                yield []
                continue
            program, self._program = self._program, None
            self._programs.pop(0)
            yield [Baseline(problem=k, name="nuclear_norm", values=of_program(program, self._observed(k)))]

    def end(self, outcome: Outcome) -> Turn:  # noqa: ARG002
        """Nothing to say at an early end."""
        return []

    def lanes(self) -> list[int]:
        """None: these are no lanes."""
        return []

    def state(self) -> BaselinesState:
        program = None if self._program is None else self._program.state()
        return {"lanes": [], "next": self._next, "programs": list(self._programs), "program": program}

    def restore(self, state: BaselinesState) -> None:
        """Goes on from what ``state`` gave."""
        self._next, self._programs = state["next"], list(state["programs"])
        if state["program"] is not None:
            self._program = NuclearNorm(self._observed(self._programs[0]))
            self._program.restore(state["program"])

    def _quick(self, k: int) -> list[AnyRecord]:
        problem, spec = self._problems[k], self._lanes[k].spec.problem
        found = _QUICK[type(spec)](problem, spec)
        return [Baseline(problem=k, name=name, values=values) for name, values in found.items()]
