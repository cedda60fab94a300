"""GroupRMSprop, the adaptive method of A19, R20 and R21."""

from __future__ import annotations

import torch
from torch import Tensor

from solver.numerics.methods.first_order import FirstOrder
from solver.numerics.models.objective import Objective
from solver.spec import GroupRMSprop


class GroupedRMSprop(FirstOrder):
    """v ← αv + (1−α)Σ‖g‖²; θ ← θ − η/(sqrt(v/(1−α^t)) + eps)·g, with one scalar v for all parameters of a lane.

    Every step is a step of gradient descent of the size in effect, so flow time is the sum of those sizes.
    """

    STATE = (*FirstOrder.STATE, "_updates", "_second_moment", "_sizes", "_time")

    def __init__(
        self, objective: Objective, start: Tensor, spec: GroupRMSprop, steps_between_looks: int | None = None
    ) -> None:
        super().__init__(objective, start, steps_between_looks)
        self._spec = spec
        self._updates = 0
        self._second_moment = torch.zeros((objective.n_lanes, 1), dtype=objective.dtype, device=objective.device)
        self._sizes = torch.zeros_like(self._second_moment)
        self._eps = torch.full_like(self._second_moment, spec.eps)
        self._numerator = torch.full_like(self._second_moment, spec.step_size)
        # Flow time adds up many small steps: in float64 whatever trains.
        self._time = torch.zeros((objective.n_lanes, 1), dtype=torch.float64, device=objective.device)

    def _update(self) -> tuple[Tensor, Tensor]:
        spec = self._spec
        self._updates += 1
        flat = self._gradient.flat
        squares = torch.bmm(flat.unsqueeze(1), flat.unsqueeze(2)).squeeze(2)
        self._second_moment.lerp_(squares, 1.0 - spec.alpha)
        # Constants are tensors and the bias correction a factor of the root: an operation of one number costs 2 µs
        # with a tensor and 4 with a Python number, and there are four of them.
        root = torch.add(self._eps, self._second_moment.sqrt(), alpha=(1.0 - spec.alpha**self._updates) ** -0.5)
        return torch.div(self._numerator, root), flat

    def _passed(self, step_sizes: Tensor, moving: Tensor | None) -> None:
        self._time.add_(step_sizes)
        self._sizes = step_sizes if moving is None else torch.where(moving > 0, step_sizes, self._sizes)

    def _look(self) -> None:
        self.times = self._time[:, 0].tolist()

    def step_sizes(self) -> list[float]:
        sizes: list[float] = self._sizes[:, 0].tolist()
        return sizes

    def keep(self, lanes: list[int]) -> None:
        super().keep(lanes)
        self._second_moment = self._second_moment[lanes]
        self._sizes = self._sizes[lanes]
        self._eps, self._numerator = self._eps[lanes], self._numerator[lanes]
        self._time = self._time[lanes]
