"""Adam on batches of images that an autoencoder gives back."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from solver.numerics.methods.adam import adam_direction, first_weights
from solver.numerics.methods.kept import ByLane, Derived, Whole
from solver.numerics.methods.method import Method
from solver.numerics.models.autoencoder import AutoencoderModel
from solver.numerics.problems.images import ImageProblem, pixel_values
from solver.numerics.spectrum import code_spectrum
from solver.spec import Adam

# Images in a piece when many are looked at; larger ones are no faster.
_PIECE = 256


class AutoencoderAdamMethod(Method):
    """Batches are slices of images shuffled once: every image is used once an epoch, in the last batch what is left.

    The loss is the mean squared error of a pixel. Over many images it is computed when it is asked for, once a step;
    ``losses`` are the newest such training losses, or a batch's where one is not finite.
    """

    _flat: ByLane[Tensor]
    """(lanes, parameters)."""
    _mean: ByLane[Tensor]
    _square: ByLane[Tensor]
    _powers: Whole[Tensor]
    _measured: Derived[list[dict[str, Any] | None]]

    def __init__(
        self,
        problem: ImageProblem,
        model: AutoencoderModel,
        starts: list[Tensor],
        spec: Adam,
        dtype: torch.dtype,
        device: torch.device,
        n_layer_values: int = 0,
    ) -> None:
        super().__init__(len(starts))
        self._spec = spec
        self._model = model
        self._n_layer_values = n_layer_values
        self._train, self._test = (
            torch.from_numpy(pixel_values(images)).to(device, dtype)
            for images in (problem.images.train, problem.images.test)
        )
        self._batch = spec.batch_size or len(self._train)
        self._n_batches = math.ceil(len(self._train) / self._batch)
        self._flat = torch.stack(starts).to(device, dtype)
        self._mean, self._square = torch.zeros_like(self._flat), torch.zeros_like(self._flat)
        self._powers = first_weights(device)
        self.times = None
        self.losses = [math.inf] * len(starts)
        self._measured = [None] * len(starts)
        self._prepare()
        for lane in range(len(starts)):
            self.measured(lane)

    def _prepare(self) -> None:
        # Each part by itself, in the storage of all: the gradient of a slice would be as large as what it is cut from.
        self._parts = [
            [part.requires_grad_() for part in self._model.split(flat.detach())] for flat in self._flat.unbind()
        ]
        self._gradient, self._direction = torch.zeros_like(self._flat), torch.zeros_like(self._flat)
        self._batch_losses = torch.zeros(len(self._flat), dtype=self._flat.dtype, device=self._flat.device)

    def advance(self, until: int, target: float) -> list[bool]:  # noqa: ARG002
        taken = until - self.steps[0]
        # The quickest algorithms of a GPU add in an order of their own each time, in fewer digits.
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            for step in range(self.steps[0], until):
                self._step(step % self._n_batches)
        self.steps = [until] * len(self.steps)
        self.evaluations = [count + taken for count in self.evaluations]
        if taken > 0:
            self._measured = [None] * len(self.steps)
            now = self._batch_losses.tolist()
            self.losses = [old if math.isfinite(new) else new for old, new in zip(self.losses, now, strict=True)]
        return [taken > 0] * len(self.steps)

    def _step(self, batch: int) -> None:
        images = self._train[batch * self._batch : (batch + 1) * self._batch]
        for lane, parts in enumerate(self._parts):
            loss = (self._model.predict(parts, images) - images).square().mean()
            gradients = torch.autograd.grad(loss, parts)
            torch.cat([gradient.reshape(-1) for gradient in gradients], out=self._gradient[lane])
            self._batch_losses[lane] = loss.detach()
        adam_direction(self._spec, self._powers, self._gradient, self._mean, self._square, self._direction)
        self._flat.sub_(self._direction, alpha=self._spec.step_size)

    def measured(self, lane: int) -> dict[str, Any]:
        """Errors of the lane at its present state, and the spectrum of its test codes.

        The training error is over as many of the training images as there are test images, at most: over all of them
        it would cost more than training does.
        """
        found = self._measured[lane]
        if found is None:
            parts = self._parts[lane]
            with torch.no_grad():
                train, _ = self._looked_at(parts, self._train[: len(self._test)])
                test, codes = self._looked_at(parts, self._test)
            found = {"train_loss": train, "train_error": train, "test_error": test, **code_spectrum(codes)}
            if self._n_layer_values:
                layers = [torch.linalg.svdvals(layer.detach().double()) for layer in self._model.linear(parts)]
                found["layer_singular_values"] = [
                    value for values in layers for value in values[: self._n_layer_values].tolist()
                ]
            self.losses[lane] = train
            self._measured[lane] = found
        return found

    def _looked_at(self, parts: list[Tensor], images: Tensor) -> tuple[float, Tensor]:
        """The mean squared error of a pixel, and the codes."""
        codes, total = [], torch.zeros((), dtype=torch.float64, device=images.device)
        for piece in torch.split(images, _PIECE):
            codes.append(self._model.code(parts, piece))
            total += (self._model.decode(parts, codes[-1]) - piece).square().sum(dtype=torch.float64)
        return (total / images.numel()).item(), torch.cat(codes)

    def step_sizes(self) -> list[float]:
        return [self._spec.step_size] * len(self.steps)

    def parameters(self, lane: int) -> Tensor:
        return self._flat[lane].to("cpu", torch.float64, copy=True)

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._measured = [None] * len(self.steps)

    def keep(self, lanes: list[int]) -> None:
        super().keep(lanes)
        self._prepare()
