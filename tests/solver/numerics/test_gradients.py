"""The hand-derived gradients against autograd and finite differences, for every model × problem × loss."""

from __future__ import annotations

import itertools
import string
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from solver.numerics.models.cp import CPObjective
from solver.numerics.models.deep_matrix_factorization import DeepMatrixFactorizationObjective
from solver.numerics.models.hierarchical_tucker import HierarchicalTuckerObjective
from solver.numerics.models.objective import Objective
from solver.numerics.models.symmetric_matrix_factorization import SymmetricMatrixFactorizationObjective
from solver.numerics.problems.losses import SparseEntryLoss
from solver.numerics.problems.observed import ObservedProblem
from solver.spec import (
    CP,
    DeepMatrixFactorization,
    HierarchicalTucker,
    MatrixCompletion,
    MatrixSensing,
    SymmetricMatrixFactorization,
    TensorCompletion,
    TensorSensing,
)
from tests.solver.numerics.building import CPU, build, build_components, build_symmetric, build_tree

LOSSES = ["mean", "half-sum", "huber"]
SEEDS = (3, 4, 5)


def of_matrix(kind: type, shape: tuple[int, int], depth: int, hidden: int | None, loss: str) -> Any:
    observed = max(1, shape[0] * shape[1] // 2)
    problem = kind(shape=shape, rank=1, observations=observed, noise=0.1, loss=loss, huber_delta=0.3)
    return build(problem, DeepMatrixFactorization(depth=depth, hidden_width=hidden, init_scale=0.5), seeds=SEEDS)


def of_sparse(shape: tuple[int, int], depth: int, hidden: int | None, loss: str) -> Any:
    """Lanes that observe unequal numbers of entries, by the loss that never makes an end matrix."""
    model = DeepMatrixFactorization(depth=depth, hidden_width=hidden, init_scale=0.5)
    problems, starts = [], []
    for seed in SEEDS:
        n = max(1, shape[0] * shape[1] // 2 - seed + SEEDS[0])
        spec = MatrixCompletion(shape=shape, rank=1, observations=n, noise=0.1, loss=loss, huber_delta=0.3)  # type: ignore[arg-type]
        (problem,), _, start = build(spec, model, seeds=(seed,))
        problems.append(problem)
        starts.append(start)
    lossy = SparseEntryLoss(problems, torch.float64, CPU)
    objective = DeepMatrixFactorizationObjective(model.widths(shape), lossy, len(SEEDS), torch.float64, CPU)
    return problems, objective, torch.cat(starts)


def of_symmetric(kind: type, size: int, width: int | None, loss: str) -> Any:
    """Entries that are not observed in pairs, and a truth with which the gradient is not symmetric."""
    problem = kind(
        shape=(size, size), rank=1, observations=max(1, size * size // 2), noise=0.1, loss=loss, huber_delta=0.3
    )
    model = SymmetricMatrixFactorization(width=width, init="gaussian", init_scale=0.5)
    return build_symmetric(problem, model, seeds=SEEDS)


def of_tensor(kind: type, shape: tuple[int, ...], components: int, loss: str) -> Any:
    observed = int(np.prod(shape)) // 2
    problem = kind(shape=shape, rank=2, observations=observed, noise=0.1, loss=loss, huber_delta=0.3)
    return build_components(problem, CP(components=components, init_std=0.7), seeds=SEEDS)


def of_tree(kind: type, shape: tuple[int, ...], changes: dict[str, Any], loss: str) -> Any:
    observed = int(np.prod(shape)) // 2
    problem = kind(shape=shape, rank=2, observations=observed, noise=0.1, loss=loss, huber_delta=0.3)
    return build_tree(problem, HierarchicalTucker(**{"init_std": 0.7, **changes}), seeds=SEEDS)


CASES = [
    pytest.param((of_matrix, kind, shape, depth, hidden, loss), id=f"{kind.__name__}-{shape}-{depth}-{hidden}-{loss}")
    for kind, (shape, hidden), depth, loss in itertools.product(
        [MatrixCompletion, MatrixSensing],
        [((5, 5), None), ((4, 7), None), ((7, 4), 6), ((1, 3), None), ((5, 3), 2)],
        [1, 2, 3, 5],
        LOSSES,
    )
]
CASES += [
    pytest.param((of_sparse, shape, depth, hidden, loss), id=f"sparse-{shape}-{hidden}-depth{depth}-{loss}")
    for (shape, hidden), depth, loss in itertools.product(
        [((5, 5), None), ((4, 7), 3), ((7, 4), 9), ((1, 6), 2)], [1, 2, 3, 5], LOSSES
    )
]
CASES += [
    pytest.param((of_symmetric, kind, size, width, loss), id=f"symmetric-{kind.__name__}-{size}-{width}-{loss}")
    for kind, (size, width), loss in itertools.product(
        [MatrixCompletion, MatrixSensing], [(5, None), (4, 2), (3, 5), (1, 1)], LOSSES
    )
]
CASES += [
    pytest.param((of_tensor, kind, shape, components, loss), id=f"{kind.__name__}-{shape}-{components}-{loss}")
    for kind, (shape, components), loss in itertools.product(
        [TensorCompletion, TensorSensing],
        [((3, 4, 5), 3), ((2, 3, 4, 2), 1), ((3, 3, 3, 3), 6), ((2, 3, 2, 2, 3), 2), ((1, 4, 3), 2)],
        LOSSES,
    )
]
TREES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((3, 4, 5), {"width": 3}),
    ((3, 2, 4), {"widths": (2,), "pooling": 3}),
    ((2, 3, 4, 2), {"widths": (4, 3)}),
    ((2, 3, 2, 4), {"widths": (1, 3), "pattern": "interleaved"}),
    ((2, 1, 2, 3, 2), {"widths": (2, 3), "pooling": 4}),
    ((2, 3, 1, 2, 2, 3), {"widths": (2, 3, 2)}),
    ((2,) * 8, {"widths": (2, 3, 2)}),
    ((2,) * 8, {"widths": (3, 2), "pooling": 3, "pattern": "interleaved"}),
]
CASES += [
    pytest.param((of_tree, kind, shape, changes, loss), id=f"tree-{kind.__name__}-{shape}-{changes}-{loss}")
    for kind, (shape, changes), loss in itertools.product([TensorCompletion, TensorSensing], TREES, LOSSES)
]

Case = tuple[list[ObservedProblem], Objective, Tensor]


def made(case: tuple[Any, ...]) -> Case:
    build_case, *arguments = case
    result: Case = build_case(*arguments)
    return result


def end_by_definition(objective: Objective, flat: Tensor) -> Tensor:
    """W_N … W_1, UUᵀ, Σ_r ⊗ w_r^n, or a mode tree's tensor, written out for autograd."""
    parts = [part[0] for part in objective.view(flat.unsqueeze(0)).parts]
    if isinstance(objective, SymmetricMatrixFactorizationObjective):
        return (parts[0] @ parts[0].T).reshape(-1)
    if isinstance(objective, DeepMatrixFactorizationObjective):
        product = parts[0]
        for layer in parts[1:]:
            product = layer @ product
        return product.reshape(-1)
    if isinstance(objective, HierarchicalTuckerObjective):
        return tensor_of_tree(objective, parts).reshape(-1)
    modes = string.ascii_lowercase[: len(parts)]
    return torch.einsum(",".join(f"{mode}z" for mode in modes) + "->" + modes, *parts).reshape(-1)


def tensor_of_tree(objective: HierarchicalTuckerObjective, parts: list[Tensor]) -> Tensor:
    """One sum over all indices at once: a letter for each mode, and a capital for the width of each node."""
    nodes, letters = objective.tree.nodes, string.ascii_lowercase
    terms = []
    for place, node in enumerate(nodes):
        rows = string.ascii_uppercase[place] if node.children else letters[node.modes[0]]
        terms.append(rows + (string.ascii_uppercase[node.parent] if place else "Z"))
    return torch.einsum(",".join(terms) + "->" + letters[: len(objective.shape)], *parts)


def reference_loss(problem: ObservedProblem, objective: Objective, flat: Tensor) -> Tensor:
    """The loss as the papers have it, for autograd to differentiate."""
    end = end_by_definition(objective, flat)
    if problem.measurements is not None:
        seen = torch.stack([(torch.tensor(row) * end).sum() for row in problem.measurements])
    else:
        assert problem.indices is not None
        seen = end.reshape(problem.shape)[tuple(torch.tensor(problem.indices).T)]
    residuals = seen - torch.tensor(problem.values)
    if problem.loss == "huber":
        return torch.nn.functional.huber_loss(residuals, torch.zeros_like(residuals), delta=problem.huber_delta)
    return residuals.square().mean() if problem.loss == "mean" else 0.5 * residuals.square().sum()


@pytest.mark.parametrize("case", CASES)
def test_gradient_equals_autograd(case: tuple[Any, ...]) -> None:
    """Autograd differentiates an independent statement of the loss; three lanes at once must not mix."""
    problems, objective, start = made(case)
    gradient = objective.factors()
    losses = objective.loss_and_gradient(objective.factors(start), gradient).clone()
    for lane, problem in enumerate(problems):
        flat = start[lane].clone().requires_grad_()
        expected = reference_loss(problem, objective, flat)
        expected.backward()  # type: ignore[no-untyped-call]
        assert losses[lane].item() == pytest.approx(expected.item(), rel=1e-12)
        torch.testing.assert_close(gradient.flat[lane], flat.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_gradient_equals_finite_differences(case: tuple[Any, ...]) -> None:
    """A directional derivative by central differences, which shares no code with the gradient but the loss itself."""
    _, objective, start = made(case)
    gradient, scratch = objective.factors(), objective.factors()
    objective.loss_and_gradient(objective.factors(start), gradient)
    direction = torch.tensor(np.random.default_rng(0).standard_normal(start.shape))
    step = 1e-6
    ahead = objective.loss_and_gradient(objective.factors(start + step * direction), scratch).clone()
    behind = objective.loss_and_gradient(objective.factors(start - step * direction), scratch).clone()
    # The Huber loss bends where a residual crosses its threshold: there the difference is of first order.
    expected = (gradient.flat * direction).sum(1)
    torch.testing.assert_close((ahead - behind) / (2 * step), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_lanes_do_not_mix_when_some_are_dropped(case: tuple[Any, ...]) -> None:
    """Keeping lanes 2 and 0 gives what these lanes gave in the full batch."""
    _, objective, start = made(case)
    gradient = objective.factors()
    before = objective.loss_and_gradient(objective.factors(start), gradient).clone()
    objective.keep([2, 0])
    kept = objective.factors()
    after = objective.loss_and_gradient(objective.factors(start[[2, 0]]), kept)
    torch.testing.assert_close(after, before[[2, 0]], rtol=1e-12, atol=0)
    torch.testing.assert_close(kept.flat, gradient.flat[[2, 0]], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", [MatrixCompletion, MatrixSensing])
@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize(("shape", "hidden"), [((2, 2), None), ((3, 4), None), ((4, 3), 2)])
def test_the_hessian_is_that_of_autograd(
    kind: type, shape: tuple[int, int], hidden: int | None, depth: int, loss: str
) -> None:
    """Second derivatives of the loss written out, entry by entry; the implicit method solves with them."""
    problems, layers, start = of_matrix(kind, shape, depth, hidden, loss)
    hessian = layers.hessian(layers.factors(start))
    for lane, problem in enumerate(problems):
        expected = torch.autograd.functional.hessian(  # type: ignore[no-untyped-call]
            lambda flat, one=problem: reference_loss(one, layers, flat), start[lane].clone()
        )
        torch.testing.assert_close(hessian[lane], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_hessian_of_a_sparse_loss_is_that_of_autograd(depth: int, loss: str) -> None:
    problems, layers, start = of_sparse((4, 3), depth, 2, loss)
    hessian = layers.hessian(layers.factors(start))
    for lane, problem in enumerate(problems):
        expected = torch.autograd.functional.hessian(  # type: ignore[no-untyped-call]
            lambda flat, one=problem: reference_loss(one, layers, flat), start[lane].clone()
        )
        torch.testing.assert_close(hessian[lane], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", [MatrixCompletion, MatrixSensing])
@pytest.mark.parametrize(("size", "width"), [(2, None), (4, 2), (3, 4)])
def test_the_hessian_of_a_symmetric_factorization_is_that_of_autograd(
    kind: type, size: int, width: int | None, loss: str
) -> None:
    problems, objective, start = of_symmetric(kind, size, width, loss)
    hessian = objective.hessian(objective.factors(start))
    for lane, problem in enumerate(problems):
        expected = torch.autograd.functional.hessian(  # type: ignore[no-untyped-call]
            lambda flat, one=problem: reference_loss(one, objective, flat), start[lane].clone()
        )
        torch.testing.assert_close(hessian[lane], expected, rtol=1e-9, atol=1e-11)


def test_an_evaluation_keeps_its_end_gradient_whatever_is_evaluated_next() -> None:
    """∇ℓ(W) at the observed entries is twice the residual over their number, and zero elsewhere, at every depth."""
    for depth in (1, 2, 4):
        problems, layers, start = build(
            MatrixCompletion(shape=(4, 3), rank=1, observations=5), DeepMatrixFactorization(depth=depth, init_scale=0.3)
        )
        evaluated = layers.evaluate(layers.factors(start))
        layers.evaluate(layers.factors(2.0 * start))
        end = end_by_definition(layers, start[0])
        expected = torch.zeros(12, dtype=torch.float64)
        seen = torch.tensor(problems[0].flat_indices)
        expected[seen] = 2.0 / 5 * (end[seen] - torch.tensor(problems[0].values))
        torch.testing.assert_close(evaluated.end_gradient[0], expected, rtol=1e-12, atol=1e-15)


def test_components_unfold_between_balanced_halves() -> None:
    """Order 4 is split in the middle, whatever the sizes a split keeps the product's value."""
    _, components, start = of_tensor(TensorCompletion, (2, 3, 4, 5), 3, "mean")
    assert isinstance(components, CPObjective)
    end = components.end(components.factors(start))
    for lane in range(len(SEEDS)):
        torch.testing.assert_close(end[lane], end_by_definition(components, start[lane]), rtol=1e-12, atol=1e-14)
