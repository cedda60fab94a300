"""The loop that gradient descent, GroupRMSprop and Adam share: one gradient, one update, one step."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor

from solver.numerics.methods.graphs import Graphed
from solver.numerics.methods.kept import ByLane
from solver.numerics.methods.method import FactorMethod
from solver.numerics.models.objective import Factors, Objective

# On a GPU a look at the loss stops the queue, so losses are looked at once in so many steps.
_STEPS_BETWEEN_LOOKS = 256
# Steps that are launched as one.
_STEPS_A_BLOCK = 16


class FirstOrder(FactorMethod):
    """θ ← θ − s·d, with s a step size for each lane and d a direction made from the gradient.

    Three loops take the same steps. A single lane whose losses are looked at after every step keeps its scalars as
    plain numbers, which cost a tenth of tensors of one number. A batch on a CPU is looked at after every step. On a GPU
    looks are far apart: in between, a lane that reached its target (or stopped being finite) is frozen on the device,
    so its state is the first one there whatever the distance of the looks.
    """

    _gradient: ByLane[Factors]
    _loss: ByLane[Tensor]
    _moving: ByLane[Tensor]

    def __init__(self, objective: Objective, start: Tensor, steps_between_looks: int | None = None) -> None:
        super().__init__(objective, start)
        default = _STEPS_BETWEEN_LOOKS if objective.device.type == "cuda" else 1
        self._between = default if steps_between_looks is None else steps_between_looks
        self._gradient = objective.factors()
        self._loss = objective.loss_and_gradient(self.factors, self._gradient).clone()
        self.losses = self._loss.tolist()
        self._moving = torch.ones((objective.n_lanes, 1), dtype=torch.bool, device=objective.device)
        self._target = torch.zeros((), dtype=torch.float64, device=objective.device)
        # A number of the host would have to be brought over.
        self._zero = torch.zeros((), dtype=objective.dtype, device=objective.device)
        self._prepare()

    def _prepare(self) -> None:
        """Buffers and blocks of steps for the lanes that there are."""
        self._count = torch.zeros((len(self.steps), 1), dtype=torch.int64, device=self.objective.device)
        self._block = Graphed(self._frozen_step, _STEPS_A_BLOCK, self.objective.device)

    @abstractmethod
    def _update(self) -> tuple[Tensor, Tensor]:
        """Step sizes (lanes, 1) and directions (lanes, parameters) at the gradient; advances the method.

        On the device alone: what it depends on must not be a number of the host.
        """

    def _passed(self, moving: Tensor | None) -> None:
        """Book-keeping of the step just taken; with ``moving``, (lanes, 1), not for lanes where it is False."""

    def _begin_alone(self) -> None:
        """Takes the scalars of a single lane from the device."""

    def _size_alone(self) -> float | None:
        """The step size of a single lane whose direction is its gradient; None for a method with another direction."""
        return None

    def _end_alone(self) -> None:
        """Brings the scalars of a single lane back."""

    @abstractmethod
    def _look(self) -> None:
        """Brings what the method keeps on the device to the host lists."""

    def advance(self, until: int, target: float) -> list[bool]:
        before = list(self.steps)
        if self._between > 1:
            self._advance_frozen(until, target)
        elif len(self.steps) == 1:
            self._advance_alone(until, target)
        else:
            self._advance_looking(until, target)
        self._look()
        return [now > then for now, then in zip(self.steps, before, strict=True)]

    def _advance_alone(self, until: int, target: float) -> None:
        step, state, gradient = self.steps[0], self.factors.flat, self._gradient.flat
        loss, value = self._loss, self.losses[0]
        size_alone, loss_and_gradient = self._size_alone, self.objective.bound(self.factors, self._gradient)
        self._begin_alone()
        while step < until:
            size = size_alone()
            if size is None:
                self._step_all()
            else:
                state.add_(gradient, alpha=-size)
            loss = loss_and_gradient()
            step += 1
            value = loss.item()
            # A NaN fails both comparisons.
            if not target < value < math.inf:
                break
        self._end_alone()
        self._note(step, loss)

    def _advance_looking(self, until: int, target: float) -> None:
        step, loss = self.steps[0], self._loss
        while step < until:
            self._step_all()
            loss = self.objective.loss_and_gradient(self.factors, self._gradient)
            step += 1
            smallest, largest = (value.item() for value in torch.aminmax(loss))
            if not (target < smallest and largest < math.inf):
                break
        self._note(step, loss)

    def _step_all(self) -> None:
        step_sizes, directions = self._update()
        state = self.factors.flat
        torch.addcmul(state, directions, step_sizes, value=-1.0, out=state)
        self._passed(None)

    def _note(self, step: int, loss: Tensor) -> None:
        self._loss.copy_(loss)
        self.losses = loss.tolist()
        taken = step - self.steps[0]
        self.steps = [step] * len(self.steps)
        self.evaluations = [count + taken for count in self.evaluations]

    def _advance_frozen(self, until: int, target: float) -> None:
        self._count.zero_()
        self._target.fill_(target)
        self._block.take(min(self._between, until - max(self.steps)))
        self.losses = self._loss.tolist()
        counts = self._count[:, 0].tolist()
        self.steps = [step + count for step, count in zip(self.steps, counts, strict=True)]
        self.evaluations = [total + count for total, count in zip(self.evaluations, counts, strict=True)]

    def _frozen_step(self) -> None:
        state, moving = self.factors.flat, self._moving
        step_sizes, directions = self._update()
        # Chosen, not multiplied: a lane that is not finite would turn 0 · NaN into its state.
        step_sizes = torch.where(moving, step_sizes, self._zero)
        directions = torch.where(moving, directions, self._zero)
        torch.addcmul(state, directions, step_sizes, value=-1.0, out=state)
        self._passed(moving)
        self._count.add_(moving)
        loss = self.objective.loss_and_gradient(self.factors, self._gradient)
        self._loss.copy_(torch.where(moving[:, 0], loss, self._loss))
        # In float64, as the host compares: a target rounded to float32 could freeze what the host goes on with.
        going = (self._loss.double() > self._target) & torch.isfinite(self._loss)
        moving.logical_and_(going.unsqueeze(1))

    def keep(self, lanes: list[int]) -> None:
        super().keep(lanes)
        self._prepare()
