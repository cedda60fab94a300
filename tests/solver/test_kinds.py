"""What is checked when kinds are declared and registered, and the state that classes of methods declare by type."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal, get_args, get_type_hints

import pytest
import torch
from torch import Tensor

import solver.numerics.lanes  # noqa: F401 (every method of every lane is known once this is)
from solver.kinds import by_kind, by_pair
from solver.numerics.lanes.autoencoder import start_of
from solver.numerics.lanes.metrics import Metrics
from solver.numerics.methods.adam import AdamMethod
from solver.numerics.methods.autoencoder_adam import AutoencoderAdamMethod
from solver.numerics.methods.chebyshev import Chebyshev
from solver.numerics.methods.dormand_prince import DormandPrince
from solver.numerics.methods.gradient_descent import GradientDescentMethod
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.methods.group_rmsprop import GroupRMSpropMethod
from solver.numerics.methods.hand_over import HandOver
from solver.numerics.methods.image_adam import ImageAdamMethod
from solver.numerics.methods.kept import ByLane, Derived, Kept, Whole
from solver.numerics.methods.method import Method
from solver.numerics.methods.rosenbrock import Rosenbrock
from solver.numerics.methods.scheme import Scheme
from solver.numerics.models.autoencoder import AutoencoderModel
from solver.numerics.models.deep_matrix_factorization import DeepMatrixFactorizationObjective
from solver.numerics.models.objective import Factors
from solver.numerics.problems.images import image_problem
from solver.spec import (
    CP,
    Adam,
    Autoencoder,
    DeepMatrixFactorization,
    GradientDescent,
    GradientFlow,
    GroupRMSprop,
    HierarchicalTucker,
    ImageTensor,
    MatrixCompletion,
    MatrixProblem,
    MatrixSensing,
    Optimizer,
    Problem,
    Settings,
    SymmetricMatrixFactorization,
    TensorProblem,
)
from solver.spec.base import check_kinds
from tests.solver.numerics.building import build

CPU = torch.device("cpu")

# Registers.


class Whatever(ABC):
    @abstractmethod
    def answer(self) -> int: ...


class Answering(Whatever):
    def answer(self) -> int:
        return 0


def test_a_union_stands_for_all_of_its_kinds() -> None:
    found = by_kind(MatrixProblem, {MatrixProblem: Answering})
    assert found == {MatrixCompletion: Answering, MatrixSensing: Answering}


def test_an_entry_of_a_kind_may_be_anything_that_answers() -> None:
    """A function as well as a class."""
    entry: Callable[[], int] = lambda: 1  # noqa: E731
    assert by_kind(GradientFlow, {GradientFlow: entry})[GradientFlow]() == 1


def test_a_kind_without_an_entry_is_named() -> None:
    with pytest.raises(TypeError, match=r"^nothing is registered for GradientDescent, Adam$"):
        by_kind(Optimizer, {GradientFlow: Answering, GroupRMSprop: Answering})
    with pytest.raises(TypeError, match=r"nothing is registered for ImageTensor$"):
        by_kind(Problem, {MatrixProblem: Answering, TensorProblem: Answering})


def test_an_abstract_class_is_no_entry_of_a_kind() -> None:
    """It would be found out when a run of that kind begins."""
    with pytest.raises(TypeError, match=r"^Whatever leaves methods out"):
        by_kind(MatrixProblem, {MatrixCompletion: Answering, MatrixSensing: Whatever})


PAIRS: dict[tuple[Any, type[Settings]], type[Whatever]] = {
    (MatrixProblem, DeepMatrixFactorization): Answering,
    (MatrixProblem, SymmetricMatrixFactorization): Answering,
    (TensorProblem, CP): Answering,
    (TensorProblem, HierarchicalTucker): Answering,
    (ImageTensor, CP): Answering,
    (ImageTensor, Autoencoder): Answering,
}


def test_every_pair_that_fits_has_an_entry() -> None:
    found = by_pair(PAIRS)
    models = (DeepMatrixFactorization, SymmetricMatrixFactorization, CP, HierarchicalTucker, Autoencoder)
    assert {(problem, model) for model in models for problem in model.FITS} == set(found)


def test_a_pair_without_an_entry_is_named() -> None:
    with pytest.raises(TypeError, match=r"^nothing is registered for CP on ImageTensor$"):
        by_pair({pair: entry for pair, entry in PAIRS.items() if pair != (ImageTensor, CP)})
    with pytest.raises(TypeError, match="DeepMatrixFactorization on MatrixSensing"):
        by_pair({(MatrixCompletion, DeepMatrixFactorization): Answering})


def test_an_entry_for_a_pair_that_does_not_fit_replaces_none_that_does() -> None:
    with pytest.raises(TypeError, match="CP on ImageTensor"):
        by_pair({(ImageTensor if model is not CP else TensorProblem, model): Answering for _, model in PAIRS})


def test_an_abstract_class_is_no_entry_of_a_pair() -> None:
    with pytest.raises(TypeError, match=r"^Whatever leaves methods out"):
        by_pair({**PAIRS, (ImageTensor, CP): Whatever})


# What a kind has to say of itself.


class Asking(Settings, frozen=True):
    SIZE: ClassVar[int]
    lower: ClassVar[int]
    COLOUR: ClassVar[str] = "red"

    @property
    @abstractmethod
    def weight(self) -> int: ...

    @abstractmethod
    def grow(self) -> None: ...


class Complete(Asking, frozen=True):
    SIZE: ClassVar[int] = 1

    @property
    def weight(self) -> int:
        return 1

    def grow(self) -> None: ...


class WithoutClassVar(Asking, frozen=True):
    weight = Complete.weight
    grow = Complete.grow


class WithoutMethod(Asking, frozen=True):
    SIZE: ClassVar[int] = 1

    def grow(self) -> None: ...


def test_a_kind_that_says_everything_passes() -> None:
    """What has a default, and names in lower case, may be left out."""
    check_kinds(Complete)


@pytest.mark.parametrize(
    ("kind", "left_out"), [(WithoutClassVar, "SIZE"), (WithoutMethod, "weight"), (Asking, "SIZE, grow, weight")]
)
def test_what_a_kind_leaves_unsaid_is_named(kind: type[Settings], left_out: str) -> None:
    """Types of msgspec are not abstract classes: nothing else would say so before it is asked for."""
    with pytest.raises(TypeError, match=f"^{kind.__name__} leaves out {left_out}$"):
        check_kinds(kind)


def test_every_kind_of_a_union_is_checked() -> None:
    with pytest.raises(TypeError, match=r"^WithoutMethod leaves out weight$"):
        check_kinds(Complete | WithoutMethod)


# Series.


def test_a_series_that_nobody_declared_is_refused_at_the_class() -> None:
    with pytest.raises(TypeError, match=r"declares no series speling_norm$"):

        class Misspelt(Metrics):
            SERIES = ("step", "speling_norm", "train_loss")


def test_declared_series_are_recorded_in_their_order_less_those_that_are_absent() -> None:
    class Fine(Metrics):
        SERIES = ("train_loss", "step", "time")

        def measure(self, parameters: Tensor, known: dict[str, float]) -> list[Any]:
            return self._frame(dict(known))

    metrics = Fine({"time"})
    assert metrics.series == ["train_loss", "step"]
    assert metrics.measure(torch.zeros(1), {"step": 3, "time": 0.5, "train_loss": float("nan")}) == ["nan", 3]


# State that outlives a step.


class State(Kept):
    rows: ByLane[Tensor]
    items: ByLane[list[int]]
    factors: ByLane[Factors]
    perhaps: ByLane[list[float] | None]
    buffer: Derived[Tensor]
    notes: Derived[list[str]]
    common: Whole[Tensor]
    flag: Whole[bool]
    table: Whole[list[int]]
    unnamed: int

    def __init__(self, n_lanes: int, scale: float = 0.0) -> None:
        places = torch.arange(n_lanes, dtype=torch.float64)
        self.rows = scale * (places + 1.0).unsqueeze(1).repeat(1, 2)
        self.items = [int(scale) * (k + 1) for k in range(n_lanes)]
        self.factors = Factors(scale * torch.arange(6.0 * n_lanes).view(n_lanes, 6), [(1, 2), (2, 2)])
        self.perhaps = None
        self.buffer = scale * places
        self.notes = [str(k) for k in range(n_lanes)]
        self.common = torch.full((3,), scale)
        self.flag = scale > 0
        self.table = [int(scale)] * 4
        self.unnamed = int(scale)


class More(State):
    further: ByLane[list[str]]

    def __init__(self, n_lanes: int, scale: float = 0.0) -> None:
        super().__init__(n_lanes, scale)
        self.further = [f"{scale} {k}" for k in range(n_lanes)]


SAVED = {"rows", "items", "factors", "perhaps", "common", "flag", "table"}


def test_what_is_by_lane_and_whole_is_saved_and_what_is_derived_is_not() -> None:
    """A subclass has what its parents declare, and its own."""
    assert set(State(2).state()) == SAVED
    assert set(More(2).state()) == SAVED | {"further"}


def test_a_saved_state_does_not_change_with_what_goes_on() -> None:
    kept = State(2, 1.0)
    saved = kept.state()
    kept.rows.zero_()
    kept.factors.flat.zero_()
    kept.common.zero_()
    kept.items[0] = kept.table[0] = 77
    fresh = State(2, 1.0).state()
    assert all(_equal(saved[name], fresh[name]) for name in SAVED)


def test_a_restored_object_has_what_was_saved_in_buffers_of_its_own() -> None:
    """Views of its buffers stay valid: the factors' parts, and what others hold."""
    state, again = More(2, 3.0).state(), More(2)
    rows, part = again.rows, again.factors.parts[1]
    again.restore(state)
    assert all(_equal(again.state()[name], state[name]) for name in state)
    assert again.rows is rows
    assert again.factors.parts[1] is part
    assert _equal(part, More(2, 3.0).factors.parts[1])
    assert (again.unnamed, again.buffer.tolist()) == (0, [0.0, 0.0])
    again.items[0] = again.further[0] = 99  # type: ignore[call-overload]
    assert state["items"] == [3, 6], "the state can be restored again"


def test_what_is_nothing_stays_nothing() -> None:
    """A method that has no flow time has none in its states."""
    kept = State(2, 1.0)
    assert kept.state()["perhaps"] is None
    state = kept.state()
    del state["perhaps"]
    again = State(2)
    again.restore(state)
    assert again.perhaps is None
    again.keep([1])
    assert again.perhaps is None


def test_what_is_missing_from_a_state_is_not_passed_over() -> None:
    state = State(2, 1.0).state()
    del state["rows"]
    with pytest.raises(KeyError, match="rows"):
        State(2).restore(state)


def test_lanes_are_cut_down_and_moved_but_what_is_whole_is_left() -> None:
    kept, before = More(4, 1.0), More(4, 1.0)
    kept.perhaps = [0.0, 0.1, 0.2, 0.3]
    kept.keep([3, 1])
    assert _equal(kept.rows, before.rows[[3, 1]])
    assert _equal(kept.buffer, before.buffer[[3, 1]])
    assert _equal(kept.factors.flat, before.factors.flat[[3, 1]])
    assert _equal(kept.factors.parts[1], before.factors.parts[1][[3, 1]])
    assert kept.factors.shapes == before.factors.shapes
    assert (kept.items, kept.notes, kept.further) == ([4, 2], ["3", "1"], ["1.0 3", "1.0 1"])
    assert kept.perhaps == [0.3, 0.1]
    assert _equal(kept.common, before.common)
    assert (kept.flag, kept.table) == (True, [1] * 4)


def _equal(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, Tensor) else bool(one == other)


# Every class of the package that declares such state.


def _objective() -> tuple[DeepMatrixFactorizationObjective, Tensor]:
    problem = MatrixCompletion(shape=(3, 3), rank=1, observations=6)
    _, objective, start = build(problem, DeepMatrixFactorization(depth=2, init_scale=0.1), (0, 1))
    return objective, start


def _image_adam() -> ImageAdamMethod:
    problems = [image_problem(ImageTensor(train_images=60, test_images=60), seed) for seed in (0, 0)]
    starts = [torch.full((2 * 784 * 2,), value, dtype=torch.float64) for value in (1.0, 1.01)]
    return ImageAdamMethod(problems, starts, Adam(step_size=1e-3), torch.float64, CPU)


def _autoencoder_adam() -> AutoencoderAdamMethod:
    problem, network = (
        image_problem(ImageTensor(train_images=60, test_images=60), 0),
        AutoencoderModel(2, 3, 1, nonlinear=False),
    )
    starts = [start_of(network, seed) for seed in (0, 1)]
    return AutoencoderAdamMethod(problem, network, starts, Adam(batch_size=25), torch.float64, CPU)


MAKERS: dict[type[Kept], Callable[[], Kept]] = {
    GradientFlowMethod: lambda: GradientFlowMethod(*_objective(), GradientFlow()),
    GradientDescentMethod: lambda: GradientDescentMethod(*_objective(), GradientDescent()),
    GroupRMSpropMethod: lambda: GroupRMSpropMethod(*_objective(), GroupRMSprop()),
    AdamMethod: lambda: AdamMethod(*_objective(), Adam()),
    ImageAdamMethod: _image_adam,
    AutoencoderAdamMethod: _autoencoder_adam,
    DormandPrince: lambda: DormandPrince(_objective()[0]),
    Chebyshev: lambda: Chebyshev(_objective()[0]),
    Rosenbrock: lambda: Rosenbrock(_objective()[0]),
    HandOver: lambda: HandOver("chebyshev", 2),
}
# What a class saves by other means than its annotations.
BESIDES: dict[type[Kept], set[str]] = {GradientFlowMethod: {"schemes", "hand_over"}}


def classes_of(base: type[Any]) -> set[type[Any]]:
    """The classes of the package that can be made, however far below."""
    below = {one for kind in base.__subclasses__() for one in {kind, *classes_of(kind)}}
    return {one for one in below if one.__module__.startswith("solver.") and not inspect.isabstract(one)}


def declared(kind: type[Any], *hows: Any) -> set[str]:
    """The attributes that are annotated so."""
    marks = {get_args(how[Any])[1] for how in hows}
    hints = get_type_hints(kind, include_extras=True)
    return {name for name, hint in hints.items() if marks & {one for one in get_args(hint)[1:] if one in marks}}


def test_every_class_with_state_is_looked_at() -> None:
    """A new method or scheme belongs into the table above."""
    assert {*classes_of(Method), *classes_of(Scheme)} <= set(MAKERS)
    assert classes_of(Kept) == set(MAKERS)


KINDS = pytest.mark.parametrize("kind", list(MAKERS), ids=lambda kind: kind.__name__)


@KINDS
def test_a_state_has_what_its_class_declares(kind: type[Kept]) -> None:
    """Before a step and after: every ByLane and Whole field and no other."""
    expected = declared(kind, ByLane, Whole) | BESIDES.get(kind, set())
    made = MAKERS[kind]()
    assert set(made.state()) == expected
    if isinstance(made, Method):
        made.advance(2, 0.0)
        assert set(made.state()) == expected


@KINDS
def test_every_declared_field_is_there_with_a_row_a_lane(kind: type[Kept]) -> None:
    made = MAKERS[kind]()
    for name in declared(kind, ByLane, Derived):
        value = getattr(made, name)
        assert value is None or len(value.flat if isinstance(value, Factors) else value) == 2, name


@KINDS
def test_a_class_goes_on_from_its_own_state(kind: type[Kept]) -> None:
    made, again = MAKERS[kind](), MAKERS[kind]()
    if isinstance(made, Method):
        made.advance(3, 0.0)
    state = made.state()
    again.restore(state)
    assert _same(again.state(), state)


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if issubclass(kind, Method)], ids=lambda kind: kind.__name__)
def test_a_method_takes_the_same_steps_from_a_state_as_without(kind: type[Kept]) -> None:
    """Nothing that the next step depends on is left undeclared."""
    made, again = MAKERS[kind](), MAKERS[kind]()
    assert isinstance(made, Method)
    assert isinstance(again, Method)
    for until in (1, 2, 3):
        made.advance(until, 0.0)
    again.restore(made.state())
    for until in (4, 5):
        assert made.advance(until, 0.0) == again.advance(until, 0.0)
    assert made.step_sizes() == again.step_sizes()
    assert _same(made.state(), again.state())


@KINDS
@pytest.mark.parametrize("lane", [0, 1])
def test_a_class_that_is_cut_down_to_a_lane_has_that_lanes_rows(kind: type[Kept], lane: Literal[0, 1]) -> None:
    made = MAKERS[kind]()
    if isinstance(made, Scheme):
        made.objective.keep([lane])
    elif isinstance(made, Method):
        made.advance(3, 0.0)
    before = made.state()
    made.keep([lane])
    after = made.state()
    for name in declared(kind, ByLane):
        was = before[name]
        expected = was if was is None else was[[lane]] if isinstance(was, Tensor) else [was[lane]]
        assert _equal(after[name], expected), name


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return _equal(one, other)
