"""A lane that predicts one class of images by a sum of CP components."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from solver.numerics.lanes.frames import shortened
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.lanes.metrics import Metrics
from solver.numerics.methods.image_adam import ImageAdamMethod
from solver.numerics.methods.method import Method
from solver.numerics.problems.datasets import N_PIXELS
from solver.numerics.problems.images import ImageProblem
from solver.numerics.streams import stream
from solver.records import Picture, Snapshot, Value
from solver.spec import CP, Adam

# Component pictures are drawn of so many components, at every so many frames.
_DRAWN_COMPONENTS = 12
_FRAMES_A_PICTURE = 4
_PICTURE_DIGITS = 3
_WITHIN_LEVELS = 0.97


class ImageCPMetrics(Metrics):
    """Passes on what the method measures over all images for all lanes at once."""

    SERIES = ("step", "elapsed_s", "evaluations", "train_loss", "train_error", "test_error", "step_size")

    def measure(self, parameters: Tensor, known: dict[str, float]) -> list[Value]:  # noqa: ARG002
        return self._frame({name: known[name] for name in self.series})


class ImageCPLane(LaneRun[ImageProblem, CP]):
    """Components of 784 factors; each can be seen as a picture of log|w_1/w_0| by pixel."""

    def prepare(self) -> None:
        self.problem.check_classes()
        self._metrics = ImageCPMetrics(absent=())

    @property
    def metrics(self) -> ImageCPMetrics:
        return self._metrics

    @classmethod
    def method(cls, runs: Sequence[ImageCPLane], dtype: torch.dtype, device: torch.device) -> Method:
        optimizer = runs[0].lane.spec.optimizer
        assert isinstance(optimizer, Adam), "images refuse every other optimizer"
        starts = [run.start() for run in runs]
        return ImageAdamMethod([run.problem for run in runs], starts, optimizer, dtype, device)

    def start(self) -> Tensor:
        """Weights (2, pixels, components): the factors of a pixel that is off, and of one that is on."""
        generator = stream(self.lane.spec.seed, "initialisation")
        drawn = generator.standard_normal((2, N_PIXELS, self.model.components))
        return torch.tensor(self.model.init_mean + self.model.init_std * drawn).reshape(-1)

    def pictures(self, parameters: Tensor, step: int) -> list[Picture]:
        if self.frames_taken % _FRAMES_A_PICTURE:
            return []
        ratios = self._ratios(parameters)
        # Some pixels are far out: the others must keep their levels.
        largest = ratios.abs().flatten().quantile(_WITHIN_LEVELS).item()
        return self.picture("component_pictures", ratios, (len(ratios), 28, 28), step, largest or None)

    def last_pictures(self, parameters: Tensor, step: int) -> list[Snapshot]:
        ratios = self._ratios(parameters)
        short = torch.tensor(shortened(ratios.reshape(-1).tolist(), _PICTURE_DIGITS))
        return self.snapshot("component_pictures", short, (len(ratios), 28, 28), step)

    def _ratios(self, parameters: Tensor) -> Tensor:
        """log|w_1/w_0| of every pixel, component by component."""
        weights = parameters.view(2, N_PIXELS, -1)[:, :, :_DRAWN_COMPONENTS].abs().clamp_min(1e-12).log()
        return (weights[1] - weights[0]).T
