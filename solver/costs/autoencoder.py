"""What a lane takes that trains an autoencoder of images."""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

from solver.costs.cost import Costs, Need
from solver.spec import Autoencoder, ImageTensor

# Multiplications and additions a second in float32, and what windows and maxima take of an image's three passes
# whatever the channels. Together with a millisecond a step they meet what was measured at 8 to 32 channels and batches
# of 32 to 256 within a third (9 to 52 ms), on a machine with other work.
_PACE = 6e10
_IMAGE_S = 1e-4
_STEP_S = 1e-3
# In float64 convolutions are taken apart into products of matrices, and moved around.
_SLOWER_DOUBLE = 2.5
# What libraries take for their own work as soon as the first step is taken.
_SCRATCH = 60 * 2**20
# Forward passes of a step: the gradient costs two more.
_PASSES = 3
_PICTURED = 300


class AutoencoderCosts(Costs[ImageTensor, Autoencoder]):
    """Convolutions over batches of images. Each lane trains by itself, on a CPU in a process of its own."""

    def _batch(self) -> int:
        # Other optimizers are refused for images.
        return getattr(self.spec.optimizer, "batch_size", None) or self.problem.train_images

    def shapes(self) -> list[tuple[int, int]]:
        """Of all weights, those of convolutions as matrices; a bias is a column."""
        c, n, window = self.model.channels, self.model.latent, 16
        inner = 2 * c * 49
        outside = [(window, c), (2 * c, window * c), (n, inner), (inner, n), (2 * c, window * c), (c, window)]
        biases = [(size, 1) for size in (c, 2 * c, n, inner, c, 1)]
        return [*outside, *biases, *[(n, n)] * self.model.linear_layers]

    def largest_product(self) -> int:
        return self._batch() * 196 * 16 * self.model.channels

    def forward(self) -> int:
        """Multiplications and additions of one image's reconstruction."""
        c, n = self.model.channels, self.model.latent
        outer, inner, codes = 196 * 16 * c, 49 * 16 * 2 * c * c, 2 * c * 49 * n
        return 4 * (outer + inner + codes) + 2 * self.model.linear_layers * n * n

    def operations(self) -> int:
        return _PASSES * self._batch() * self.forward()

    def _passes_s(self, images: int, passes: int, itemsize: int) -> float:
        """Seconds of so many passes of images through all layers."""
        of_image = _IMAGE_S / _PASSES + self.forward() / _PACE
        return images * passes * of_image * (_SLOWER_DOUBLE if itemsize == 8 else 1.0)

    def evaluation_s(self) -> float:
        return _STEP_S + self._passes_s(self._batch(), _PASSES, self.itemsize)

    def frame_s(self) -> float:
        """All test images and as many training images."""
        looked_at = self.problem.test_images + min(self.problem.test_images, self.problem.train_images)
        return self._passes_s(looked_at, 1, self.itemsize) + self.model.latent**3 * 1e-8 + 1e-3

    def lane(self) -> Need:
        parameters = sum(rows * columns for rows, columns in self.shapes())
        c, max_steps = self.model.channels, self.spec.stop.max_steps
        images = self.problem.train_images + self.problem.test_images
        # What a step keeps for the gradient: windows of pixels, and each layer's output before and after its ReLU.
        kept = max(self._batch(), 256) * (2 * 196 * 16 + 4 * 196 * c + 6 * 98 * c)
        memory = self.itemsize * (6 * parameters + images * self.problem.N_PIXELS + kept)
        frames = self._frames_taken(max_steps)
        pictures = frames / 4 * self._passes_s(_PICTURED, 1, 4)
        end = self._passes_s(2 * self.problem.test_images + 1_000, 1, 8)
        return Need(memory, max_steps * self.evaluation_s() + frames * self.frame_s() + pictures + end)

    def _frames_taken(self, max_steps: int) -> float:
        every = self.spec.record.every
        return min(max_steps, 24.0 + (max_steps / every if every else 24.0))

    def shared_key(self) -> Hashable:
        problem = self.problem
        return problem.dataset, problem.pixels, problem.images, self.spec.seed, self.model.latent, self.model.channels

    def shared(self) -> Need:
        """The images themselves, and their baselines: principal components and a network trained on labels."""
        images = self.problem.train_images + self.problem.test_images
        supervised_s = self._passes_s(2 * 100 * 100, _PASSES, 4) / 2
        return Need(8 * images * self.problem.N_PIXELS + _SCRATCH, images * 6e-5 + 0.5 + supervised_s)

    def batch_key(self) -> Hashable:
        """Each lane by itself."""
        return msgspec.json.encode(self.spec)

    def gains_alone(self) -> bool:
        return True
