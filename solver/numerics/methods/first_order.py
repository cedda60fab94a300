"""The loop that gradient descent, GroupRMSprop and Adam share: one gradient, one update, one step."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from solver.numerics.methods.method import FactorMethod
from solver.numerics.models.objective import Objective

# On a GPU a look at the loss stops the queue, so losses are looked at once in so many steps.
_STEPS_BETWEEN_LOOKS = 64


class FirstOrder(FactorMethod):
    """θ ← θ − s·d, with s a step size for each lane and d a direction made from the gradient.

    Between two looks at the losses a lane that reached its target (or stopped being finite) is frozen on the device, so
    its state is the first one there whatever the distance of the looks.
    """

    STATE = (*FactorMethod.STATE, "_gradient", "_loss", "_moving")

    def __init__(self, objective: Objective, start: Tensor, steps_between_looks: int | None = None) -> None:
        super().__init__(objective, start)
        default = _STEPS_BETWEEN_LOOKS if objective.device.type == "cuda" else 1
        self._between = default if steps_between_looks is None else steps_between_looks
        self._gradient = objective.factors()
        self._loss = objective.loss_and_gradient(self.factors, self._gradient).clone()
        self.losses = self._loss.tolist()
        self._moving = torch.ones((objective.n_lanes, 1), dtype=objective.dtype, device=objective.device)
        self._count = torch.zeros((objective.n_lanes, 1), dtype=objective.dtype, device=objective.device)

    @abstractmethod
    def _update(self) -> tuple[Tensor, Tensor]:
        """Step sizes (lanes, 1) and directions (lanes, parameters) at the current gradient; advances the method."""

    @abstractmethod
    def _passed(self, step_sizes: Tensor, moving: Tensor | None) -> None:
        """Book-keeping of a step of these sizes, (lanes, 1); with ``moving``, zeros for frozen lanes."""

    @abstractmethod
    def _look(self) -> None:
        """Brings what the method keeps on the device to the host lists."""

    def advance(self, until: int, target: float) -> list[bool]:
        before = list(self.steps)
        if self._between == 1:
            self._advance_looking(until, target)
        else:
            self._advance_frozen(until, target)
        self._look()
        return [now > then for now, then in zip(self.steps, before, strict=True)]

    def _advance_looking(self, until: int, target: float) -> None:
        step = self.steps[0]
        loss = self._loss
        while step < until:
            step_sizes, directions = self._update()
            torch.addcmul(self.factors.flat, directions, step_sizes, value=-1.0, out=self.factors.flat)
            self._passed(step_sizes, None)
            loss = self.objective.loss_and_gradient(self.factors, self._gradient)
            step += 1
            smallest = loss.min().item() if len(loss) > 1 else loss.item()
            # The sum is finite when every loss is; a NaN fails both comparisons.
            if not (smallest > target and (smallest if len(loss) == 1 else loss.sum().item()) < float("inf")):
                break
        self._loss.copy_(loss)
        self.losses = loss.tolist()
        taken = step - self.steps[0]
        self.steps = [step] * len(self.steps)
        self.evaluations = [count + taken for count in self.evaluations]

    def _advance_frozen(self, until: int, target: float) -> None:
        taken = min(self._between, until - max(self.steps))
        self._count.zero_()
        for _ in range(taken):
            step_sizes, directions = self._update()
            # Chosen, not multiplied: a lane that is not finite would turn 0 · NaN into its state.
            step_sizes = torch.where(self._moving > 0, step_sizes, 0.0)
            directions = torch.where(self._moving > 0, directions, 0.0)
            torch.addcmul(self.factors.flat, directions, step_sizes, value=-1.0, out=self.factors.flat)
            self._passed(step_sizes, self._moving)
            self._count.add_(self._moving)
            loss = self.objective.loss_and_gradient(self.factors, self._gradient)
            self._loss.copy_(torch.where(self._moving[:, 0] > 0, loss, self._loss))
            # In float64, as the host compares: a target rounded to float32 could freeze what the host goes on with.
            going = (self._loss.double() > target) & torch.isfinite(self._loss)
            self._moving.mul_(going.unsqueeze(1))
        self.losses = self._loss.tolist()
        counts = [round(count) for count in self._count[:, 0].tolist()]
        self.steps = [step + count for step, count in zip(self.steps, counts, strict=True)]
        self.evaluations = [total + count for total, count in zip(self.evaluations, counts, strict=True)]

    def keep(self, lanes: list[int]) -> None:
        self._keep_lists(lanes)
        self.objective.keep(lanes)
        self.factors = self.objective.factors(self.factors.flat[lanes])
        self._gradient = self.objective.factors(self._gradient.flat[lanes])
        self._loss = self._loss[lanes]
        self._moving = self._moving[lanes]
        self._count = self._count[lanes]
