"""What a lane takes that predicts images by CP components."""

from __future__ import annotations

from collections.abc import Hashable

from solver.costs.cost import FLOPS, Costs, Need
from solver.spec import CP, ImageTensor

# Every frame of images looks at all of them.
_PER_E_FOLD = 4


class ImageCPCosts(Costs[ImageTensor, CP]):
    """Components of 784 factors; lanes of the same images share them, and train together."""

    GPU_STEP_S = 1.75e-4

    def _batch(self) -> int:
        # Other optimizers are refused for images.
        return getattr(self.spec.optimizer, "batch_size", None) or self.problem.train_images

    def _n_images(self) -> int:
        return self.problem.train_images + self.problem.test_images

    def shapes(self) -> list[tuple[int, int]]:
        return [(self.problem.N_PIXELS, self.model.components)] * 2

    def largest_product(self) -> int:
        return self.problem.train_images * self.model.components

    def operations(self) -> int:
        return 4 * self._batch() * self.problem.N_PIXELS * self.model.components

    def evaluation_s(self) -> float:
        """Products with few columns, exponentials and moments run at a third of the pace of square products."""
        return 3 * self.operations() / FLOPS * self.itemsize / 8 + 4e-5

    def frame_s(self) -> float:
        products = 2 * self._n_images() * self.problem.N_PIXELS * self.model.components
        return 3 * products / FLOPS * self.itemsize / 8

    def lane(self) -> Need:
        columns, max_steps = self.model.components, self.spec.stop.max_steps
        memory = self.itemsize * columns * (2 * self.problem.N_PIXELS * 8 + 4 * max(self._batch(), 5_000))
        memory += 8 * 2 * self._n_images()
        return Need(memory, max_steps * self.evaluation_s() + min(60, max_steps) * self.frame_s())

    def shared_key(self) -> Hashable:
        return self.problem.dataset, self.problem.images, self.spec.seed

    def shared(self) -> Need:
        """The images themselves, and walking over them."""
        memory = (self.itemsize + 2) * self._n_images() * self.problem.N_PIXELS
        is_on_gpu = self.spec.device.startswith("cuda")
        walked = 0.0 if is_on_gpu else self._batch() * self.problem.N_PIXELS * 2e-10 + 4e-4
        return Need(memory, self._n_images() * 4e-5 + self.spec.stop.max_steps * walked)

    def batch_key(self) -> Hashable:
        problem, spec = self.problem, self.spec
        images = (problem.dataset, problem.images, spec.seed, problem.train_images, problem.test_images, problem.clip)
        return images, spec.optimizer, spec.stop

    def gains_alone(self) -> bool:
        """Lanes of the same images share every product over them."""
        return False

    def frames(self) -> tuple[int, float]:
        return _PER_E_FOLD, 100.0
