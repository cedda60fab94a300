"""Adam on batches of images, for all lanes that share the images at once (R21)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from solver.numerics.methods.adam import adam_direction
from solver.numerics.methods.method import Method
from solver.numerics.models.image_cp import ImageComponents
from solver.numerics.problems.datasets import Bytes
from solver.numerics.problems.images import ImageProblem, unpacked
from solver.spec import Adam

# Images in a piece when all of them are looked at.
_PIECE = 5_000


class ImageAdam(Method):
    """Batches are slices of images shuffled once: every image is used once an epoch, in the last batch what is left.

    All lanes take every step together. Losses and errors over all images are computed when they are asked for, once a
    step for all lanes; ``losses`` are the newest such training losses, or a batch's where one is not finite.
    """

    STATE = ("steps", "evaluations", "losses", "_weights", "_mean", "_square")

    def __init__(
        self,
        problems: list[ImageProblem],
        starts: list[Tensor],
        spec: Adam,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        super().__init__(len(problems))
        # A start is (2, pixels, components) of a lane, flat; the lanes' columns stand side by side.
        shaped = [start.view(2, problems[0].images.train.shape[1] * 8, -1) for start in starts]
        self._weights = torch.cat(shaped, dim=2).to(device, dtype)
        self._model = ImageComponents([start.shape[2] for start in shaped], dtype, device)
        self._spec = spec
        self._problems = problems
        images = problems[0].images
        self._train, self._test = (_on(packed, dtype, device) for packed in (images.train, images.test))
        self._train_targets = _columns([problem.train_targets for problem in problems], dtype, device)
        self._test_targets = _columns([problem.test_targets for problem in problems], dtype, device)
        self._batch = spec.batch_size or len(self._train)
        self._n_batches = math.ceil(len(self._train) / self._batch)
        self._mean = torch.zeros_like(self._weights)
        self._square = torch.zeros_like(self._weights)
        self._allocate()
        self.evaluations = [0] * len(problems)
        self.times = None
        self._measured_at = -1
        self._measured: list[dict[str, float]] = []
        self.losses = [math.inf] * len(problems)
        self.measured(0)

    def _allocate(self) -> None:
        self._gradient = torch.zeros_like(self._weights)
        self._direction = torch.zeros_like(self._weights)

    def advance(self, until: int, target: float) -> list[bool]:  # noqa: ARG002
        step, taken = self.steps[0], until - self.steps[0]
        loss = None
        while step < until:
            start = (step % self._n_batches) * self._batch
            images, targets = (values[start : start + self._batch] for values in (self._train, self._train_targets))
            loss = self._model.loss_and_gradient(self._weights, images, targets, self._gradient)
            step += 1
            adam_direction(self._spec, step, self._gradient, self._mean, self._square, self._direction)
            self._weights.sub_(self._direction, alpha=self._spec.step_size)
        self.steps = [step] * len(self.steps)
        self.evaluations = [count + taken for count in self.evaluations]
        if loss is not None:
            now = loss.tolist()
            self.losses = [old if math.isfinite(new) else new for old, new in zip(self.losses, now, strict=True)]
        return [taken > 0] * len(self.steps)

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
        self._weights = self._weights[:, :, columns]
        self._mean, self._square = self._mean[:, :, columns], self._square[:, :, columns]
        self._model = ImageComponents(
            [self._model.n_components[lane] for lane in lanes], self._weights.dtype, self._weights.device
        )
        self._train_targets, self._test_targets = self._train_targets[:, lanes], self._test_targets[:, lanes]
        self._problems = [self._problems[lane] for lane in lanes]
        self._measured = [self._measured[lane] for lane in lanes]
        self._allocate()
        self._keep_lists(lanes)


def _on(packed: Bytes, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.from_numpy(unpacked(packed)).to(device).to(dtype)


def _columns(targets: list[Any], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.stack([torch.tensor(values, dtype=dtype, device=device) for values in targets], dim=1)
