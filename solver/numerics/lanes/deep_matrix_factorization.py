"""A lane that trains a deep matrix factorization."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from solver.costs.thin import LARGE
from solver.counterexample import counterexample
from solver.numerics import theory
from solver.numerics.lanczos import spectral_norm
from solver.numerics.lanes.deep_matrix_factorization_metrics import DeepMatrixFactorizationMetrics
from solver.numerics.lanes.deep_matrix_factorization_start import Array, layers
from solver.numerics.lanes.lane import LaneRun, Watched
from solver.numerics.methods import method_on
from solver.numerics.methods.method import Method
from solver.numerics.models.deep_matrix_factorization import objective_of
from solver.numerics.problems.observed import ObservedProblem, stable_step
from solver.numerics.streams import stream
from solver.records import Event, Outcome, Picture, Snapshot
from solver.spec import DeepMatrixFactorization

# The loss of the wrong branch is told apart from its least value by this much of it.
_NEAR_LEAST = 0.05


class DeepMatrixFactorizationLane(LaneRun[ObservedProblem, DeepMatrixFactorization]):
    """Layers W_1 … W_N; watches the determinant where its sign was asked for."""

    def prepare(self) -> None:
        spec = self.lane.spec
        self._counterexample = counterexample(spec.problem)
        self.widths = self.model.widths(self.problem.shape)
        if self.model.unbalancedness is not None:
            # Refused here, before anything trains, where the start cannot have it.
            self._layers()
        self._metrics = DeepMatrixFactorizationMetrics(
            self.problem,
            self.widths,
            spec.record,
            spec.optimizer,
            self._counterexample,
            starts_in_block=self.model.starts_in_block(self.problem.shape),
        )

    @property
    def metrics(self) -> DeepMatrixFactorizationMetrics:
        return self._metrics

    @classmethod
    def method(cls, runs: Sequence[DeepMatrixFactorizationLane], dtype: torch.dtype, device: torch.device) -> Method:
        objective = objective_of(runs[0].widths, [run.problem for run in runs], dtype, device)
        return method_on(objective, [run.start() for run in runs], runs[0].lane.spec)

    def _layers(self) -> list[Array]:
        return layers(self.model, self.problem.shape, stream(self.lane.spec.seed, "initialisation"))

    def start(self) -> Tensor:
        return torch.tensor(np.concatenate([layer.reshape(-1) for layer in self._layers()]))

    def stable_step(self) -> float | None:
        return stable_step(self.problem, self.lane.spec)

    def foretold(self) -> list[Event]:
        escape = self._predicted_escape()
        return [] if escape is None else [escape]

    def _predicted_escape(self) -> Event | None:
        """Where the frozen-γ law puts the end of the first plateau at the earliest; for depth 3 and more.

        With s the largest spectral norm of a layer, ds/dt ≤ s^(N−1) γ for any start while γ stays below that of the
        zero matrix, so the law from σ_0 = s^N is the bound. None for Adam, which follows no flow, or a large start.
        """
        optimizer = self.lane.spec.optimizer
        if self.model.depth < 3:
            # Their singular values grow at once.
            return None
        gradient = self.problem.norm_of_gradient_at_zero()
        start = max(_spectral_norm(layer) for layer in self._layers()) ** self.model.depth
        # The largest singular value of the observed part stands for that of what is to be learned.
        size = gradient / (2.0 * self.problem.loss_coefficient)
        if not optimizer.HAS_TIME or start > 0.1 * size:
            return None
        time = theory.frozen_escape_time(start, gradient, self.model.depth)
        if not math.isfinite(time):
            return None
        step = optimizer.step_at(time)
        where = f"step {step:.0f}" if step is not None else f"time {time:.4g}"
        text = f"the law with frozen γ lets σ_1 escape at {where} at the earliest (t*)"
        return Event(lane=self.lane.index, name="predicted-escape", text=text, step=step, time=time)

    @functools.cached_property
    def _kept_sign(self) -> float:
        """The determinant's sign that must stay (R20), for depth 2 and more; 0 where it may change.

        It must where it was asked for, and in the counterexample from a balanced start, whose flow keeps it: a long
        step that loses it there converges to a solution that the flow never reaches.
        """
        if self.model.depth == 1:
            return 0.0
        if self.model.det_sign != "any":
            return 1.0 if self.model.det_sign == "positive" else -1.0
        balanced = self.model.init != "gaussian" and self.model.starts_in_block(self.problem.shape)
        is_kept = self._counterexample is not None and balanced
        return self._metrics.det_sign(self.start()) if is_kept else 0.0

    @property
    def watches(self) -> bool:
        """Whether there is a sign to keep."""
        return self._kept_sign != 0.0

    def watch(self, parameters: Tensor, step: int, loss: float) -> Watched:
        wanted = self._kept_sign
        events, ending = self._watch_branch(parameters, step, loss, wanted)
        if ending is not None or self._metrics.det_sign(parameters) != -wanted:
            return events, ending or self._at_rounding_floor(parameters, step, loss)
        return events, Outcome(
            kind="stopped",
            reason=f"the determinant lost its sign by step {step}, at train_loss {loss:.3g}: balanced layers keep it, "
            "so this is rounding, the step size or an unbalanced start",
            cure="take depth 3 or more (depth 2 loses it in any fixed precision), init balanced, or a smaller "
            "optimizer.rtol or step_size",
            cause="sign",
        )

    def _at_rounding_floor(self, parameters: Tensor, step: int, loss: float) -> Outcome | None:
        if not self._metrics.det_is_rounding(parameters):
            return None
        return Outcome(
            kind="stopped",
            reason=f"the determinant fell below the rounding floor of its layers by step {step}, at train_loss "
            f"{loss:.3g}: its sign, and with it the solution that is reached, is no longer the flow's",
            cure="take depth 3 or more, or stop at a larger train_loss",
            cause="sign",
        )

    def _watch_branch(self, parameters: Tensor, step: int, loss: float, sign: float) -> Watched:
        """Whether the start led to where w_22 and ε differ in sign, from which no flow leads back.

        Once w_12 w_21 has the sign of z·z′ for good, so has w_11 w_22 with that determinant, and w_22 cannot reach ε
        through zero.
        """
        example = self._counterexample
        if example is None or example.size != 2 or example.epsilon == 0.0 or sign != example.diverging_sign:
            return [], None
        half_sum, least = example.half_sum(loss), example.least_loss_of_wrong_branch()
        end_matrix = self._metrics.end_matrix(parameters)
        opposite = end_matrix[1, 1].item() * example.epsilon < 0.0
        # Once there, a change of sign is an error of the integration: the branch is the reason, whatever came of it.
        flipped = "branch" in self.said and self._metrics.det_sign(parameters) == -sign
        if not flipped and not (example.is_settled(half_sum) and opposite):
            return [], None
        events = []
        if "branch" not in self.said:
            self.said.append("branch")
            text = (
                f"w_22 and ε have opposite signs for good from step {step} on: the loss cannot fall below ε²/2 = "
                f"{least * example.loss_scale:.3g}, and the unobserved entry runs away"
            )
            events.append(Event(lane=self.lane.index, name="wrong-branch", text=text, step=step))
        target = self.lane.spec.stop.train_loss
        near = half_sum <= (1.0 + _NEAR_LEAST) * least
        # Where the target lies above the least loss, what reaches it has not found the solution all the same.
        is_over = near if target is None or target <= least * example.loss_scale else loss <= target
        if not flipped and not is_over:
            return events, None
        return events, Outcome(
            kind="stopped",
            reason=f"the start led into the branch where w_22 and ε differ in sign: train_loss {loss:.4g} cannot fall "
            f"below ε²/2 = {least * example.loss_scale:.4g}, and the unobserved entry has run to "
            f"{end_matrix[0, 0].item():.4g}",
            cure="take another seed, the other model.det_sign, or ε = 0",
            cause="branch",
        )

    def pictures(self, parameters: Tensor, step: int) -> list[Picture]:
        return self._pictures(parameters, step) if self.is_pictured else []

    def _pictures(self, parameters: Tensor, step: int) -> list[Picture]:
        """The end matrix, and which of the ground truth's singular vectors its own are aligned with."""
        shown = self._metrics.pictured(parameters, with_end_matrix=self.is_small(self.problem.shape))
        return [one for name, values in shown.items() for one in self.picture(name, values, tuple(values.shape), step)]

    def solution(self, parameters: Tensor) -> dict[str, Tensor]:
        """The factors left and right of the narrowest layer, where they are smaller than the end matrix."""
        if self.problem.given is None:
            return {}
        layers = self._metrics.layers(parameters)
        rows, columns = self.problem.shape
        narrowest = min(range(len(layers) - 1), key=lambda place: layers[place].shape[0], default=0)
        width = layers[narrowest].shape[0]
        if len(layers) == 1 or width * (rows + columns) >= rows * columns:
            return {"end_matrix": self._metrics.end_matrix(parameters)}
        right, left = chain(layers[: narrowest + 1]), chain(layers[narrowest + 1 :])
        return {"left": left, "right": right}

    def best_pictures(self) -> list[Snapshot | Picture]:
        if self.best.parameters is None or not self.is_small(self.problem.shape):
            return []
        end_matrix = self._metrics.end_matrix(self.best.parameters)
        return [*self.snapshot("best_end_matrix", end_matrix, self.problem.shape, self.best.step)]

    def last_pictures(self, parameters: Tensor, step: int) -> list[Snapshot | Picture]:
        pictures: list[Snapshot | Picture] = [*self._pictures(parameters, step)]
        if self.is_small(self.problem.shape):
            pictures += self.snapshot("end_matrix", self._metrics.end_matrix(parameters), self.problem.shape, step)
        return pictures


def _spectral_norm(layer: Array) -> float:
    """σ_1; of a large layer by its products, a small part of all its singular values' time."""
    if layer.size < LARGE:
        return float(np.linalg.norm(layer, 2))
    return spectral_norm(layer.__matmul__, layer.T.__matmul__, layer.shape[1])


def chain(layers: Sequence[Tensor]) -> Tensor:
    """W_k … W_1."""
    product = layers[0]
    for layer in layers[1:]:
        product = layer @ product
    return product
