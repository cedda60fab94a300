"""Adam on batches of images, for all lanes that share the images at once (R21)."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from solver.numerics.methods.adam import adam_direction, first_weights
from solver.numerics.methods.graphs import Graphed
from solver.numerics.methods.kept import Derived, Whole
from solver.numerics.methods.method import Method
from solver.numerics.models.image_cp import ImageCP
from solver.numerics.problems.datasets import Bytes
from solver.numerics.problems.images import ImageProblem, unpacked
from solver.spec import Adam

# Images in a piece when all of them are looked at.
_PIECE = 5_000
# Steps between two looks at the weights of a method that is not watched.
_STEPS_BETWEEN_LOOKS = 256
# Batches of an epoch up to which the step of each is recorded.
_MOST_GRAPHS = 64
_HOST = torch.device("cpu")


class ImageAdamMethod(Method):
    """Batches are slices of images shuffled once: every image is used once an epoch, in the last batch what is left.

    All lanes take every step together. Losses and errors over all images are computed when they are asked for, once a
    step for all lanes; ``losses`` are the newest such training losses, or a batch's where one is not finite.

    Negative weights and cancelling pixels need more products. With ``watched`` the weights are looked at before every
    step. Without, as on a GPU, some hundred steps are taken on the assumption that there are none, and taken again
    with care where there were; from then on with care at once.
    """

    _weights: Whole[Tensor]
    """(2, pixels, columns): the lanes' columns side by side."""
    _mean: Whole[Tensor]
    _square: Whole[Tensor]
    _powers: Whole[Tensor]
    _careful: Whole[bool]
    _problems: Derived[list[ImageProblem]]
    _measured: Derived[list[dict[str, float]]]

    def __init__(
        self,
        problems: list[ImageProblem],
        starts: list[Tensor],
        spec: Adam,
        dtype: torch.dtype,
        device: torch.device,
        watched: bool | None = None,
    ) -> None:
        super().__init__(len(problems))
        # A start is (2, pixels, components) of a lane, flat; the lanes' columns stand side by side.
        shaped = [start.view(2, problems[0].images.train.shape[1] * 8, -1) for start in starts]
        self._weights = torch.cat(shaped, dim=2).to(device, dtype)
        self._watched = device.type != "cuda" if watched is None else watched
        self._spec = spec
        self._problems = problems
        images = problems[0].images
        train = unpacked(images.train)
        varying, always_on = _varying(train)
        self._varying, self._always_on = (torch.from_numpy(pixels).to(device) for pixels in (varying, always_on))
        self._train = torch.from_numpy(np.ascontiguousarray(train[:, varying])).to(device).to(dtype)
        self._test = torch.from_numpy(unpacked(images.test)).to(device).to(dtype)
        self._train_targets = _columns([problem.train_targets for problem in problems], dtype, device)
        self._test_targets = _columns([problem.test_targets for problem in problems], dtype, device)
        self._batch = spec.batch_size or len(self._train)
        self._n_batches = math.ceil(len(self._train) / self._batch)
        self._mean = torch.zeros_like(self._weights)
        self._square = torch.zeros_like(self._weights)
        self._powers = first_weights(device)
        self._careful = False
        self._needs_care = torch.zeros((), dtype=torch.bool, device=device)
        self._allocate([start.shape[2] for start in shaped])
        self.evaluations = [0] * len(problems)
        self.times = None
        self._measured_at = -1
        self._measured = []
        self.losses = [math.inf] * len(problems)
        self.measured(0)

    def _allocate(self, n_components: list[int]) -> None:
        weights = self._weights
        self._model = ImageCP(n_components, weights.dtype, weights.device, self._varying, self._always_on)
        self._gradient, self._direction = torch.zeros_like(weights), torch.zeros_like(weights)
        self._loss = torch.zeros(len(n_components), dtype=weights.dtype, device=weights.device)
        self._graphs: dict[tuple[int, bool | None], Graphed] = {}

    def advance(self, until: int, target: float) -> list[bool]:  # noqa: ARG002
        step, taken = self.steps[0], until - self.steps[0]
        if self._watched:
            self._take(step, until, None)
        else:
            for start in range(step, until, _STEPS_BETWEEN_LOOKS):
                self._take_unwatched(start, min(until, start + _STEPS_BETWEEN_LOOKS))
        self.steps = [until] * len(self.steps)
        self.evaluations = [count + taken for count in self.evaluations]
        if taken > 0:
            now = self._loss.tolist()
            self.losses = [old if math.isfinite(new) else new for old, new in zip(self.losses, now, strict=True)]
        return [taken > 0] * len(self.steps)

    def _take(self, step: int, until: int, careful: bool | None) -> None:
        for at in range(step, until):
            batch = at % self._n_batches
            key = batch, careful
            if key not in self._graphs:
                # A batch is always the same slice: its step can be recorded.
                take = functools.partial(self._step, batch, careful)
                recorded = not self._watched and self._n_batches <= _MOST_GRAPHS
                self._graphs[key] = Graphed(take, 1, self._weights.device if recorded else _HOST)
            self._graphs[key].take(1)

    def _take_unwatched(self, step: int, until: int) -> None:
        """Steps for which the device is not waited for; taken again with care where that was needed."""
        state = (self._weights, self._mean, self._square, self._powers)
        if not self._careful:
            before = [values.clone() for values in state]
            self._needs_care.zero_()
            self._take(step, until, careful=False)
            if not bool(self._needs_care):
                return
            for values, old in zip(state, before, strict=True):
                values.copy_(old)
            self._careful = True
        self._take(step, until, careful=True)

    def _step(self, batch: int, careful: bool | None) -> None:
        start = batch * self._batch
        images, targets = (values[start : start + self._batch] for values in (self._train, self._train_targets))
        if careful is False:
            self._needs_care.logical_or_(self._model.needs_care(self._weights))
        self._loss.copy_(self._model.loss_and_gradient(self._weights, images, targets, self._gradient, careful))
        adam_direction(self._spec, self._powers, self._gradient, self._mean, self._square, self._direction)
        self._weights.sub_(self._direction, alpha=self._spec.step_size)

    def measured(self, lane: int) -> dict[str, float]:
        """Training loss, and training and test error, of the lane at its present state, over all images.

        Errors are mean squared errors over the squared distance of the targets; a squared test error counts at most
        ``clip`` before the mean is taken (R21).
        """
        if self._measured_at != self.steps[0]:
            self._measured_at = self.steps[0]
            train = self._mean_squares(self._train, self._train_targets, math.inf)
            test = self._mean_squares(self._test, self._test_targets, self._problems[0].spec.clip)
            self._measured = [
                {"train_loss": loss, "train_error": loss / problem.unit, "test_error": clipped / problem.unit}
                for problem, loss, clipped in zip(self._problems, train, test, strict=True)
            ]
            self.losses = train
        return self._measured[lane]

    def _mean_squares(self, images: Tensor, targets: Tensor, clip: float) -> list[float]:
        total = torch.zeros(targets.shape[1], dtype=torch.float64, device=targets.device)
        for start in range(0, len(images), _PIECE):
            predicted = self._model.predict(self._weights, images[start : start + _PIECE])
            squares = (predicted - targets[start : start + _PIECE]).square()
            # A NaN is an overflow on both sides of a difference: as far off as can be.
            total += torch.nan_to_num(squares, nan=clip, posinf=clip).clamp_max(clip).double().sum(0)
        result: list[float] = (total / len(images)).tolist()
        return result

    def step_sizes(self) -> list[float]:
        return [self._spec.step_size] * len(self.steps)

    def parameters(self, lane: int) -> Tensor:
        columns = self._model.owner == lane
        return self._weights[:, :, columns].to("cpu", torch.float64).reshape(-1)

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._measured_at = -1

    def keep(self, lanes: list[int]) -> None:
        columns = torch.cat([(self._model.owner == lane).nonzero()[:, 0] for lane in lanes])
        n_components = [self._model.n_components[lane] for lane in lanes]
        self._weights = self._weights[:, :, columns]
        self._mean, self._square = self._mean[:, :, columns], self._square[:, :, columns]
        self._train_targets, self._test_targets = self._train_targets[:, lanes], self._test_targets[:, lanes]
        super().keep(lanes)
        self._allocate(n_components)


def _varying(images: Bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The pixels that are not the same in all images, and those that are on in all."""
    counts = images.sum(axis=0, dtype=np.int64)
    return np.flatnonzero((counts > 0) & (counts < len(images))), np.flatnonzero(counts == len(images))


def _columns(targets: list[Any], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.stack([torch.tensor(values, dtype=dtype, device=device) for values in targets], dim=1)
