"""The series of a matrix lane's frames: spectra, norms, errors and rates of one state, in float64 on the CPU."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from solver.costs.thin import is_partial, is_thin, leading_values
from solver.counterexample import Counterexample
from solver.numerics import theory
from solver.numerics.lanes.balance import unbalancedness
from solver.numerics.lanes.end_matrix import Decomposed, EndMatrix, LargeMatrix, ThinMatrix, WholeMatrix
from solver.numerics.lanes.frames import written
from solver.numerics.lanes.metrics import Metrics, absent_of, absent_of_given
from solver.numerics.lanes.singular_value_rates import rates
from solver.numerics.models.deep_matrix_factorization import objective_of
from solver.numerics.models.objective import Factors, Objective
from solver.numerics.problems.observed import ObservedProblem
from solver.numerics.spectrum import layer_spectra
from solver.records import Value, plain
from solver.spec import Optimizer, Record

# Beyond this a decomposition overflows on its way; not finite entries fail the comparison too.
_LARGEST_ENTRY = 1e140


class DeepMatrixFactorizationMetrics(Metrics):
    """Spectra, norms, errors and rates of the end matrix."""

    SERIES: ClassVar[tuple[str, ...]] = (
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
        "effective_rank",
        "singular_values",
        "singular_values_error",
        "nuclear_norm",
        "frobenius_norm",
        "spectral_norm",
        "schatten_2_over_n",
        "norms_error",
        "det_sign",
        "log_abs_det",
        "unobserved_entry",
        "unobserved_entry_bound",
        "singular_value_rates",
        "predicted_rates",
        "predicted_rates_balanced",
        "truth_alignment",
        "layer_singular_values",
        "layer_alignment",
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
        widths: list[int],
        record: Record,
        optimizer: Optimizer,
        counterexample: Counterexample | None = None,
        *,
        starts_in_block: bool = False,
    ) -> None:
        """``starts_in_block``: whether a counterexample that is not square is trained in its leading block alone."""
        cpu, double = torch.device("cpu"), torch.float64
        self._problem = problem
        self._counterexample = counterexample
        self._layers = objective_of(widths, [problem], double, cpu)
        self._is_thin = is_thin(problem.shape, min(widths))
        self._trained: Objective = self._layers
        self.depth = len(widths) - 1
        self._n_values = min(record.singular_values, *problem.shape)
        self._n_rates = min(record.rates, *problem.shape)
        self._n_of_layer = min(record.layers, *widths)
        self._block = min(problem.shape)
        is_square = problem.shape[0] == problem.shape[1]
        self._has_determinant = is_square or (counterexample is not None and starts_in_block)
        self._ground_truth = None if problem.ground_truth is None else torch.tensor(problem.ground_truth)
        self._truth = None if self._ground_truth is None else theory.singular_spaces(self._ground_truth)
        self._last: tuple[Tensor, Decomposed] | None = None
        self._n_leading = leading_values(record, 0 if self._truth is None else self._truth[0].shape[1])
        self._is_partial = not self._is_thin and is_partial(problem.shape, self._n_leading)
        super().__init__(absent_of(optimizer, record) | self._absent())

    def _absent(self) -> set[str]:
        absent: set[str] = set()
        if self._ground_truth is None:
            absent |= {"reconstruction_error", "normalised_reconstruction_error"}
        absent |= absent_of_given(self._problem)
        if not self._has_determinant:
            absent |= {"det_sign", "log_abs_det", "unobserved_entry_bound"}
        if self._counterexample is None:
            absent |= {"unobserved_entry", "unobserved_entry_bound"}
        if not self._n_rates:
            absent |= {"singular_value_rates", "predicted_rates", "predicted_rates_balanced"}
        if not self._n_rates or self._truth is None:
            absent.add("truth_alignment")
        if not self._is_partial:
            absent |= {"singular_values_error", "norms_error"}
        if not self._n_of_layer:
            absent |= {"layer_singular_values", "layer_alignment"}
        return absent if self.depth > 1 else absent | {"unbalancedness", "layer_alignment"}

    def _factors(self, parameters: Float[Tensor, " parameters"]) -> Factors:
        """The layers of a state."""
        return self._layers.factors(parameters.unsqueeze(0))

    def _evaluated(self, factors: Factors) -> tuple[float, Factors]:
        """Loss and gradients there."""
        gradient = self._layers.factors()
        return self._layers.bound(factors, gradient)().item(), gradient

    def _end(self, factors: Factors) -> EndMatrix:
        """The end matrix, valid until the next one is asked for."""
        if self._is_thin:
            return ThinMatrix(factors.parts[-1][0], self._layers.below_last(factors)[0])
        return self._whole(self._layers.end_matrix(factors)[0])

    def _evaluated_end(self, factors: Factors) -> EndMatrix:
        """The end matrix of the factors evaluated last, as the evaluation has left it."""
        if self._is_thin:
            return ThinMatrix(factors.parts[-1][0], self._layers.evaluated_below_last(factors)[0])
        return self._whole(self._layers.evaluated_end(factors)[0])

    def _whole(self, entries: Float[Tensor, "rows columns"]) -> WholeMatrix:
        return LargeMatrix(entries, self._n_leading) if self._is_partial else WholeMatrix(entries)

    def _gradient_norm(self, gradient: Factors) -> float:
        """Over all trained numbers."""
        return float(torch.linalg.vector_norm(gradient.flat))

    def _balanced_rates(
        self, singular_values: Float[Tensor, " values"], alignment: Float[Tensor, " values"]
    ) -> Float[Tensor, " values"]:
        """dσ/dt by the law."""
        return theory.balanced_rates(singular_values, alignment, self.depth)

    def layers(self, parameters: Float[Tensor, " parameters"]) -> list[Tensor]:
        """W_1 … W_N of a state."""
        return [layer[0] for layer in self._factors(parameters).parts]

    def end_matrix(self, parameters: Float[Tensor, " parameters"]) -> Float[Tensor, "rows columns"]:
        return self._layers.end_matrix(self._factors(parameters))[0].clone()

    def measure(self, parameters: Float[Tensor, " parameters"], known: dict[str, float]) -> list[Value]:
        factors = self._factors(parameters)
        loss, gradient = self._evaluated(factors)
        end = self._evaluated_end(factors)
        if not end.largest() < _LARGEST_ENTRY:
            return self._not_finite(known | {"train_loss": known.get("train_loss", loss)})
        # Vectors cost nearly twice as much again.
        decomposed = end.decomposed() if self._n_rates else None
        self._last = None if decomposed is None or self._truth is None else (parameters, decomposed)
        singular_values = end.singular_values() if decomposed is None else decomposed.singular_values
        values: dict[str, Any] = {"train_loss": loss, **known}
        values["singular_values"] = _filled(singular_values, self._n_values, 0.0).tolist()
        values["gradient_norm"] = self._gradient_norm(gradient)
        values |= end.norms(singular_values, self.depth)
        values |= self._errors(end)
        if "det_sign" in self.series:
            values["det_sign"], values["log_abs_det"] = self._determinant(factors, end)
        if self._counterexample is not None:
            values["unobserved_entry"] = float(end.at(np.zeros((1, 2), dtype=np.int64))[0])
            half_sum = self._counterexample.half_sum(values["train_loss"])
            values["unobserved_entry_bound"] = self._counterexample.bound(half_sum)
        if self.depth > 1:
            values["unbalancedness"] = unbalancedness([layer[0] for layer in factors.parts])
        if "layer_singular_values" in self.series:
            values |= layer_spectra([layer[0] for layer in factors.parts], self._n_of_layer)
        if decomposed is not None:
            values |= self._rates(factors, gradient, decomposed)
            if self._truth is not None:
                values["truth_alignment"] = self._alignment(*self._truth, decomposed)
        # Last: it asks for gradients elsewhere, into the same buffers.
        values |= self._sharpness(self._trained, parameters, values)
        return self._frame(values)

    def _not_finite(self, known: dict[str, float]) -> list[Value]:
        lists = {"singular_values": self._n_values}
        by_rank = ("singular_value_rates", "predicted_rates", "predicted_rates_balanced", "truth_alignment")
        lists |= dict.fromkeys(by_rank, self._n_rates)
        lists |= {"layer_singular_values": self._n_of_layer * self.depth, "layer_alignment": self.depth - 1}
        return [
            written([math.nan] * lists[name]) if name in lists else plain(known.get(name, math.nan))
            for name in self.series
        ]

    def _alignment(self, columns: Tensor, rows: Tensor, end: Decomposed) -> list[float]:
        """‖U*ᵀ u_r‖ ‖V*ᵀ v_r‖ of the largest singular values: 1 where both vectors lie in the ground truth's spaces.

        NaN of those that the width makes zero, which have no vectors of their own.
        """
        left = torch.linalg.vector_norm(columns.T @ end.u[:, : self._n_rates], dim=0)
        right = torch.linalg.vector_norm(rows.T @ end.vt[: self._n_rates].T, dim=0)
        aligned: list[float] = _filled(left * right, self._n_rates, math.nan).tolist()
        return aligned

    def pictured(self, parameters: Float[Tensor, " parameters"], *, with_end_matrix: bool) -> dict[str, Tensor]:
        """The end matrix, and ⟨u_r, u*_s⟩ ⟨v_r, v*_s⟩ by r (twice as many as a low-rank ground truth has) and s.

        Nothing where the numbers are not finite, nor could be decomposed. Of the state measured last the decomposition
        is still there, where it is the same tensor.
        """
        shown: dict[str, Tensor] = {}
        last, self._last = self._last, None
        end = self._end(self._factors(parameters))
        if (self._truth is None and not with_end_matrix) or not end.largest() < math.inf:
            return shown
        if with_end_matrix:
            shown["end_matrix"] = end.whole().clone()
        if self._truth is not None:
            columns, rows = self._truth
            u, _, vt = end.decomposed() if last is None or last[0] is not parameters else last[1]
            k = min(2 * columns.shape[1], len(vt))
            shown["overlap"] = (u[:, :k].T @ columns) * (vt[:k] @ rows)
        return shown

    def _errors(self, end: EndMatrix) -> dict[str, float]:
        errors: dict[str, float] = {}
        if self._ground_truth is not None:
            squared = (end.squared_distance(self._ground_truth) / self._ground_truth.square().sum()).item()
            errors["reconstruction_error"] = squared
            errors["normalised_reconstruction_error"] = math.sqrt(squared)
        given = self._problem.given
        return errors if given is None else errors | given.errors(end.at)

    def det_sign(self, parameters: Float[Tensor, " parameters"]) -> float:
        """Sign of the determinant of the end matrix, of one that is not square of its leading square block."""
        factors = self._factors(parameters)
        return self._determinant(factors, self._end(factors))[0]

    def det_is_rounding(self, parameters: Float[Tensor, " parameters"]) -> bool:
        """Whether a layer's determinant is too small to tell its sign: |det| ≤ 4nε Π‖rows‖ (Hadamard's bound)."""
        layers = self._of_block(self._factors(parameters))
        if any(layer.shape[0] != layer.shape[1] for layer in layers):
            return False
        for layer in layers:
            hadamard = torch.linalg.vector_norm(layer, dim=1).log().sum().item()
            floor = math.log(4 * len(layer) * torch.finfo(layer.dtype).eps) + hadamard
            if not torch.linalg.slogdet(layer).logabsdet.item() > floor:
                return True
        return False

    def _of_block(self, factors: Factors) -> list[Tensor]:
        """The layers whose product is the end matrix's leading square block: all of a square one."""
        matrices = [layer[0] for layer in factors.parts]
        matrices[0] = matrices[0][:, : self._block]
        matrices[-1] = matrices[-1][: self._block]
        return matrices

    def _determinant(self, factors: Factors, end: EndMatrix) -> tuple[float, float]:
        if min(self._layers.widths) < self._block:
            # A narrow layer makes it zero exactly; what would be computed is rounding.
            return 0.0, -math.inf
        # Layer by layer where all are square: a layer's condition is the N-th root of the product's.
        matrices = self._of_block(factors)
        if any(matrix.shape[0] != matrix.shape[1] for matrix in matrices):
            matrices = [end.whole()[: self._block, : self._block]]
        # All in one call, and by columns, as they are decomposed: a third of the time of one each.
        result = torch.linalg.slogdet(torch.stack(matrices).mT)
        return result.sign.prod().item(), result.logabsdet.sum().item()

    def _rates(self, factors: Factors, gradient: Factors, end: Decomposed) -> dict[str, list[float]]:
        k = self._n_rates
        singular_values = end.singular_values
        top_u, top_v = end.u[:, :k], end.vt[:k].T
        layers = [layer[0] for layer in factors.parts]
        gradients = [layer[0] for layer in gradient.parts]
        alignment = -(top_u * self._layers.end_gradient_times(top_v)).sum(0)
        balanced = self._balanced_rates(singular_values[:k], alignment)
        measured, predicted = rates(layers, gradients, end, k)
        return {
            "singular_value_rates": _filled(measured, k, math.nan).tolist(),
            # What the width makes zero stays so.
            "predicted_rates": _filled(predicted, k, 0.0).tolist(),
            "predicted_rates_balanced": _filled(balanced, k, 0.0).tolist(),
        }


def _filled(values: Float[Tensor, " some"], n: int, missing: float) -> Float[Tensor, " values"]:
    """The first ``n`` values, or all there are, made up to as many; those of a thin matrix are as many as its width."""
    found = values[:n]
    return found if len(found) == n else torch.cat([found, torch.full((n - len(found),), missing, dtype=values.dtype)])
