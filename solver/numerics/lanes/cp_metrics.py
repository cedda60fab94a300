"""The series of a tensor lane's frames: component norms by identity, their rates, and errors, in float64 on the CPU."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics import theory
from solver.numerics.lanes.frames import shortened
from solver.numerics.lanes.metrics import Metrics, absent_of, absent_of_given
from solver.numerics.models.cp import CPObjective
from solver.numerics.models.objective import Evaluation, Factors
from solver.numerics.problems.losses import loss_of
from solver.numerics.problems.observed import ObservedProblem
from solver.records import Value
from solver.spec import Optimizer, Record

# Rates are differences over a step of the flow that moves each vector by this fraction of itself at most.
_RELATIVE_CHANGE = 1e-4

RATES = ("component_rates", "predicted_component_rates", "predicted_component_rates_balanced")
"""The series of rates, each with one number for each component of ``rate_components``."""


class CPMetrics(Metrics):
    """Component norms by identity, their rates, and errors of the end tensor."""

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

    def __init__(self, problem: ObservedProblem, n_components: int, record: Record, optimizer: Optimizer) -> None:
        cpu, double = torch.device("cpu"), torch.float64
        self._components = CPObjective(problem.shape, n_components, loss_of([problem], double, cpu), 1, double, cpu)
        self._n_rates = min(record.rates, n_components)
        self._ground_truth = None if problem.ground_truth is None else torch.tensor(problem.ground_truth).reshape(-1)
        self._given = problem.given
        absent = absent_of(optimizer, record) | absent_of_given(problem)
        if self._ground_truth is None:
            absent |= {"reconstruction_error", "normalised_reconstruction_error"}
        if not self._n_rates:
            absent |= {"rate_components", *RATES}
        super().__init__(absent)

    def end_tensor(self, parameters: Float[Tensor, " parameters"]) -> Float[Tensor, " entries"]:
        return self._components.end(self._components.factors(parameters.unsqueeze(0)))[0].clone()

    def factors_of(self, parameters: Float[Tensor, " parameters"]) -> list[Tensor]:
        """The factor of each mode."""
        return [part[0] for part in self._components.factors(parameters.unsqueeze(0)).parts]

    def component_norms(self, parameters: Float[Tensor, " parameters"]) -> Float[Tensor, " components"]:
        """σ_r = Π_n ‖w_r^n‖."""
        return vector_norms(self._components.factors(parameters.unsqueeze(0))).prod(0)

    def measure(self, parameters: Float[Tensor, " parameters"], known: dict[str, float]) -> list[Value]:
        factors = self._components.factors(parameters.unsqueeze(0))
        state = self._components.evaluate(factors)
        loss, end = state.losses.item(), state.end[0]
        norms = vector_norms(factors)
        sizes = norms.prod(0)
        values: dict[str, Any] = {"train_loss": loss, **known}
        values["component_norms"] = shortened(sizes.tolist())
        values["frobenius_norm"] = torch.linalg.vector_norm(end).item()
        squares = norms.square()
        values["unbalancedness"] = (squares.amax(0) - squares.amin(0)).max().item()
        values["gradient_norm"] = torch.linalg.vector_norm(state.gradient.flat).item()
        if self._ground_truth is not None:
            squared = ((end - self._ground_truth).square().sum() / self._ground_truth.square().sum()).item()
            values["reconstruction_error"] = squared
            values["normalised_reconstruction_error"] = math.sqrt(squared)
        if self._given is not None:
            entries = end.numpy().reshape(self._components.shape)
            values |= self._given.errors(lambda at: entries[tuple(at.T)])
        values |= self._sharpness(self._components, parameters, values)
        if self._n_rates:
            values |= self._rates(factors, state, norms, sizes)
        return self._frame(values)

    def _rates(self, factors: Factors, state: Evaluation, norms: Tensor, sizes: Tensor) -> dict[str, list[float]]:
        """Of the largest components, the largest first."""
        largest = torch.topk(torch.nan_to_num(sizes), self._n_rates).indices
        vectors = [part[0][:, largest] for part in factors.parts]
        slopes = [part[0][:, largest] for part in state.gradient.parts]
        alignment = theory.component_alignment(state.end_gradient[0].view(self._components.shape), vectors)
        n_modes, norms, sizes = len(vectors), norms[:, largest], sizes[largest]
        return {
            "rate_components": [float(index) for index in largest.tolist()],
            "component_rates": measured_rates(vectors, slopes).tolist(),
            "predicted_component_rates": theory.any_component_rates(norms, alignment).tolist(),
            "predicted_component_rates_balanced": theory.balanced_rates(sizes, alignment, n_modes).tolist(),
        }


def vector_norms(factors: Factors) -> Float[Tensor, "modes components"]:
    """‖w_r^n‖ of a single lane."""
    return torch.stack([torch.linalg.vector_norm(part[0], dim=0) for part in factors.parts])


def measured_rates(vectors: list[Tensor], gradients: list[Tensor]) -> Tensor:
    """Central differences of σ_r over ±δ_r of the flow, each component with its own δ_r."""
    sizes = torch.stack([torch.linalg.vector_norm(vector, dim=0) for vector in vectors])
    slopes = torch.stack([torch.linalg.vector_norm(gradient, dim=0) for gradient in gradients])
    delta = _RELATIVE_CHANGE * (sizes / slopes.clamp_min(1e-300)).amin(0)
    # Euler both ways: the errors of second order are the same on both sides and cancel in the difference.
    ahead, behind = (
        torch.stack(
            [torch.linalg.vector_norm(w - s * delta * g, dim=0) for w, g in zip(vectors, gradients, strict=True)]
        )
        for s in (1.0, -1.0)
    )
    return (ahead.prod(0) - behind.prod(0)) / (2.0 * delta)
