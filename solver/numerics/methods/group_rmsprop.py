"""GroupRMSprop, the adaptive method of A19, R20 and R21."""

from __future__ import annotations

import torch
from torch import Tensor

from solver.numerics.methods.first_order import FirstOrder
from solver.numerics.models.layers import Layers
from solver.spec import GroupRMSprop


class GroupedRMSprop(FirstOrder):
    """v ← αv + (1−α)Σ‖g‖²; θ ← θ − η/(sqrt(v/(1−α^t)) + eps)·g, with one scalar v for all parameters of a lane.

    Every step is a step of gradient descent of the size in effect, so flow time is the sum of those sizes.
    """

    STATE = (*FirstOrder.STATE, "_updates", "_second_moment", "_sizes", "_time")

    def __init__(
        self, layers: Layers, start: Tensor, spec: GroupRMSprop, steps_between_looks: int | None = None
    ) -> None:
        super().__init__(layers, start, steps_between_looks)
        self._spec = spec
        self._updates = 0
        self._second_moment = torch.zeros((layers.n_lanes, 1), dtype=layers.dtype, device=layers.device)
        self._sizes = torch.zeros_like(self._second_moment)
        # Flow time adds up many small steps: in float64 whatever trains.
        self._time = torch.zeros((layers.n_lanes, 1), dtype=torch.float64, device=layers.device)

    def _update(self) -> tuple[Tensor, Tensor]:
        spec = self._spec
        self._updates += 1
        flat = self._gradient.flat
        squares = torch.bmm(flat.unsqueeze(1), flat.unsqueeze(2)).reshape(-1, 1)
        self._second_moment.mul_(spec.alpha).add_(squares, alpha=1.0 - spec.alpha)
        corrected = self._second_moment / (1.0 - spec.alpha**self._updates)
        return spec.step_size / (corrected.sqrt_() + spec.eps), flat

    def _passed(self, step_sizes: Tensor) -> None:
        self._time.add_(step_sizes)
        self._sizes = torch.where(step_sizes > 0, step_sizes, self._sizes)

    def _look(self) -> None:
        self.times = self._time[:, 0].tolist()

    def step_sizes(self) -> list[float]:
        sizes: list[float] = self._sizes[:, 0].tolist()
        return sizes

    def keep(self, lanes: list[int]) -> None:
        super().keep(lanes)
        self._second_moment = self._second_moment[lanes]
        self._sizes = self._sizes[lanes]
        self._time = self._time[lanes]
