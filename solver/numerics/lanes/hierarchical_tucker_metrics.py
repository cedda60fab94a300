"""The series of a hierarchical Tucker lane's frames: local components, unfoldings and errors, in float64 on the CPU."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics import theory
from solver.numerics.lanes.cp_metrics import RATES, measured_rates
from solver.numerics.lanes.frames import shortened
from solver.numerics.lanes.metrics import Metrics, absent_of, absent_of_given
from solver.numerics.models.hierarchical_tucker import HierarchicalTuckerObjective
from solver.numerics.models.objective import Evaluation, Factors
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import ObservedProblem
from solver.numerics.spectrum import effective_rank
from solver.records import Value
from solver.spec import Optimizer, Record
from solver.spec.mode_tree import ModeTree

_MATRICISATIONS = ("matricisation_singular_values", "matricisation_effective_ranks", "hierarchical_tensor_rank")


class HierarchicalTuckerMetrics(Metrics):
    """Norms of local components by identity, their rates, spectra of the tree's unfoldings, and errors.

    A local component (ν, r) of a node ν with children: the r-th row of ν's weights and the r-th column of each child's
    (R22). Its norm is the product of theirs. They are numbered node by node, the root first, as the tree has them.
    """

    SERIES = (
        "step",
        "time",
        "elapsed_s",
        "evaluations",
        "train_loss",
        "reconstruction_error",
        "normalised_reconstruction_error",
        "held_out_error",
        "held_out_rmse",
        "validation_error",
        "component_norms",
        "matricisation_singular_values",
        "matricisation_effective_ranks",
        "hierarchical_tensor_rank",
        "frobenius_norm",
        "rate_components",
        "component_rates",
        "predicted_component_rates",
        "predicted_component_rates_balanced",
        "unbalancedness",
        "sharpness",
        "stability_limit",
        "gradient_norm",
        "step_size",
        "method",
        "rejections",
    )

    def __init__(
        self,
        problem: ObservedProblem,
        tree: ModeTree,
        widths: Sequence[int],
        record: Record,
        optimizer: Optimizer,
    ) -> None:
        def objective(problems: list[ObservedProblem]) -> HierarchicalTuckerObjective:
            cpu, double = torch.device("cpu"), torch.float64
            loss = loss_of(problems, double, cpu)
            return HierarchicalTuckerObjective(problem.shape, tree, widths, loss, len(problems), double, cpu)

        self._tree = tree
        self._weights = objective([problem])
        self._numbered = tree.components(widths)
        self._n_rates = min(record.rates, len(self._numbered))
        # Of each component with a rate the end tensor is computed in which it stands alone at its node.
        self._alone = objective([problem] * self._n_rates) if self._n_rates else None
        self._n_values = record.singular_values
        self._tolerance = record.matricisation_tolerance
        self._ground_truth = None if problem.ground_truth is None else torch.tensor(problem.ground_truth).reshape(-1)
        self._given = problem.given
        absent = absent_of(optimizer, record) | absent_of_given(problem)
        if self._ground_truth is None:
            absent |= {"reconstruction_error", "normalised_reconstruction_error"}
        if not self._n_rates:
            absent |= {"rate_components", *RATES}
        super().__init__(absent)

    def _factors(self, parameters: Float[Tensor, " parameters"]) -> Factors:
        return self._weights.factors(parameters.unsqueeze(0))

    def end_tensor(self, parameters: Float[Tensor, " parameters"]) -> Float[Tensor, " entries"]:
        return self._weights.end(self._factors(parameters))[0].clone()

    def component_norms(self, parameters: Float[Tensor, " parameters"]) -> Float[Tensor, " components"]:
        """σ_{ν,r}, node by node."""
        return torch.cat([norms.prod(0) for norms in self._vector_norms(self._factors(parameters))])

    def measure(self, parameters: Float[Tensor, " parameters"], known: dict[str, float]) -> list[Value]:
        factors = self._factors(parameters)
        state = self._weights.evaluate(factors)
        loss, end = state.losses.item(), state.end[0]
        norms = self._vector_norms(factors)
        sizes = torch.cat([of_node.prod(0) for of_node in norms])
        values: dict[str, Any] = {"train_loss": loss, **known}
        values["component_norms"] = shortened(sizes.tolist())
        values["frobenius_norm"] = torch.linalg.vector_norm(end).item()
        values |= self._matricisations(end)
        squares = [of_node.square() for of_node in norms]
        values["unbalancedness"] = max((one.amax(0) - one.amin(0)).max().item() for one in squares)
        values["gradient_norm"] = torch.linalg.vector_norm(state.gradient.flat).item()
        if self._ground_truth is not None:
            squared = ((end - self._ground_truth).square().sum() / self._ground_truth.square().sum()).item()
            values["reconstruction_error"] = squared
            values["normalised_reconstruction_error"] = math.sqrt(squared)
        if self._given is not None:
            entries = end.numpy().reshape(self._weights.shape)
            values |= self._given.errors(lambda at: entries[tuple(at.T)])
        values |= self._sharpness(self._weights, parameters, values)
        if self._alone is not None:
            values |= self._rates(self._alone, factors, state, sizes)
        return self._frame(values)

    def _vector_norms(self, factors: Factors) -> list[Float[Tensor, "vectors components"]]:
        """Of each node with children, the norms of its components' vectors: its own, then those of its children."""
        found = []
        for place in self._tree.interior:
            own = torch.linalg.vector_norm(factors.parts[place][0], dim=1)
            children = self._tree.nodes[place].children
            found.append(torch.stack([own, *(torch.linalg.vector_norm(factors.parts[c][0], dim=0) for c in children)]))
        return found

    def _vectors(self, factors: Factors, component: int) -> list[Float[Tensor, "_ 1"]]:
        """The vectors of a component, as columns: the node's own, then those of its children."""
        place, r = self._numbered[component]
        children = self._tree.nodes[place].children
        return [factors.parts[place][0][r].unsqueeze(1), *(factors.parts[c][0][:, r : r + 1] for c in children)]

    def _rates(
        self, alone: HierarchicalTuckerObjective, factors: Factors, state: Evaluation, sizes: Tensor
    ) -> dict[str, list[float]]:
        """Of the largest components, the largest first."""
        largest = torch.topk(torch.nan_to_num(sizes), self._n_rates).indices.tolist()
        alignment = -(self._normalised(alone, factors, largest) @ state.end_gradient[0])
        found: dict[str, list[float]] = {"rate_components": [float(index) for index in largest]}
        for name in RATES:
            found[name] = []
        for component, gamma in zip(largest, alignment.unsqueeze(1), strict=True):
            vectors, slopes = self._vectors(factors, component), self._vectors(state.gradient, component)
            norms = torch.stack([torch.linalg.vector_norm(vector, dim=0) for vector in vectors])
            size, n = norms.prod(0), len(vectors)
            measured = measured_rates(vectors, slopes), theory.any_component_rates(norms, gamma)
            for name, rates in zip(RATES, (*measured, theory.balanced_rates(size, gamma, n)), strict=True):
                found[name].append(rates.item())
        return found

    def _normalised(
        self, alone: HierarchicalTuckerObjective, factors: Factors, components: list[int]
    ) -> Float[Tensor, "components entries"]:
        """C of each: the end tensor with this component alone at its node, its vectors of norm 1 (R22)."""
        copies = alone.factors(factors.flat.expand(len(components), -1))
        for lane, component in enumerate(components):
            place, r = self._numbered[component]
            own = copies.parts[place][lane]
            row = _unit(own[r])
            own.zero_()
            own[r] = row
            for child in self._tree.nodes[place].children:
                below = copies.parts[child][lane]
                below[:, r] = _unit(below[:, r])
        return alone.end(copies)

    def _matricisations(self, end: Float[Tensor, " entries"]) -> dict[str, list[float]]:
        """Spectra of the end tensor unfolded between the modes of each node and the others."""
        shape, tree = self._weights.shape, self._tree
        if not bool(torch.isfinite(end).all()):
            n = [min(self._n_values, *self._unfolded_sizes(place)) for place in tree.matricised]
            unknown = {"matricisation_singular_values": [math.nan] * sum(n)}
            return unknown | {name: [math.nan] * len(n) for name in _MATRICISATIONS[1:]}
        spectra = []
        for place in tree.matricised:
            modes = list(tree.nodes[place].modes)
            rest = [mode for mode in range(len(shape)) if mode not in modes]
            matrix = end.view(shape).permute(*modes, *rest).reshape(self._unfolded_sizes(place))
            # The decomposition of a wide matrix is faster of its triangular factor, and no less accurate.
            spectra.append(torch.linalg.svdvals(_squared_up(matrix)))
        return {
            "matricisation_singular_values": [x for one in spectra for x in one[: self._n_values].tolist()],
            "matricisation_effective_ranks": [effective_rank(one) for one in spectra],
            "hierarchical_tensor_rank": [float((one > self._tolerance * one[0]).sum()) for one in spectra],
        }

    def _unfolded_sizes(self, place: int) -> tuple[int, int]:
        shape = self._weights.shape
        rows = math.prod(shape[mode] for mode in self._tree.nodes[place].modes)
        return rows, math.prod(shape) // rows


def _unit(vector: Float[Tensor, " entries"]) -> Float[Tensor, " entries"]:
    return vector.div(torch.linalg.vector_norm(vector).clamp_min(1e-300))


def _squared_up(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, "size size"]:
    """A square matrix with the same singular values."""
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    return tall if tall.shape[0] == tall.shape[1] else torch.linalg.qr(tall, mode="r").R
