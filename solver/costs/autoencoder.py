"""What a lane takes that trains an autoencoder of images."""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

from solver.costs.cost import Costs, Need
from solver.spec import Autoencoder, ImageTensor

# Sustained multiplications and additions a second in float32, through all layers, with what is moved between them.
_PACE = 3e10
# In float64 convolutions are taken apart into products of matrices, and moved around.
_SLOWER_DOUBLE = 3.0
_STEP_S = 4e-4
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

    def _seconds(self, operations: float) -> float:
        return operations / _PACE * (_SLOWER_DOUBLE if self.itemsize == 8 else 1.0)

    def evaluation_s(self) -> float:
        return _STEP_S + self._seconds(self.operations())

    def frame_s(self) -> float:
        """All test images and as many training images."""
        looked_at = self.problem.test_images + min(self.problem.test_images, self.problem.train_images)
        return self._seconds(looked_at * self.forward()) + self.model.latent**3 * 1e-8 + 1e-3

    def lane(self) -> Need:
        parameters = sum(rows * columns for rows, columns in self.shapes())
        c, max_steps = self.model.channels, self.spec.stop.max_steps
        images = self.problem.train_images + self.problem.test_images
        # What a step keeps for the gradient: windows of pixels, and each layer's output before and after its ReLU.
        kept = max(self._batch(), 256) * (2 * 196 * 16 + 4 * 196 * c + 6 * 98 * c)
        memory = self.itemsize * (6 * parameters + images * self.problem.N_PIXELS + kept)
        frames = self._frames_taken(max_steps)
        pictures = frames / 4 * (_PICTURED * self.forward() / _PACE)
        end = (self.problem.test_images + 1_000) * 2 * self.forward() / _PACE * _SLOWER_DOUBLE
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
        supervised = 2 * 100 * 100 * _PASSES * self.forward() / 2
        return Need(8 * images * self.problem.N_PIXELS, images * 6e-5 + 0.5 + supervised / _PACE)

    def batch_key(self) -> Hashable:
        """Each lane by itself."""
        return msgspec.json.encode(self.spec)

    def gains_alone(self) -> bool:
        return True
