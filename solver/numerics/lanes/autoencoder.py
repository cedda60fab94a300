"""A lane that trains an autoencoder of images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics.downstream import N_LABELS, head_accuracies
from solver.numerics.lanes.autoencoder_pictures import AutoencoderPictures
from solver.numerics.lanes.frames import shortened
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.lanes.metrics import Metrics
from solver.numerics.methods.autoencoder_adam import AutoencoderAdamMethod
from solver.numerics.methods.method import Method
from solver.numerics.models.autoencoder import AutoencoderModel
from solver.numerics.problems.datasets import Bytes
from solver.numerics.problems.images import ImageProblem, pixel_values
from solver.numerics.streams import stream
from solver.records import Picture, Snapshot, Value
from solver.spec import Adam, Autoencoder

_FRAMES_A_PICTURE = 4
_PICTURE_DIGITS = 3
# Images looked at together.
_PIECE = 256
# Heads are trained on so many labels at most.
_MOST_LABELS = max(N_LABELS)


class AutoencoderMetrics(Metrics):
    """Passes on what the method measures over all images, on its device."""

    SERIES = (
        "step",
        "elapsed_s",
        "evaluations",
        "train_loss",
        "code_spectrum",
        "code_effective_rank",
        "code_rank",
        "layer_singular_values",
        "train_error",
        "test_error",
        "step_size",
    )

    def measure(self, parameters: Tensor, known: dict[str, float]) -> list[Value]:  # noqa: ARG002
        return self._frame({name: known[name] for name in self.series})


class AutoencoderLane(LaneRun[ImageProblem, Autoencoder]):
    """Weights of encoder, decoder and linear layers; pictures of what they make of images and of codes."""

    def prepare(self) -> None:
        self._network = network_of(self.model)
        n_values = min(self.lane.spec.record.layers, self.model.latent) if self.model.linear_layers else 0
        self._n_layer_values = n_values
        self._metrics = AutoencoderMetrics(absent=() if n_values else ("layer_singular_values",))
        self._pictures = AutoencoderPictures(self._network, self.problem.images)

    @property
    def metrics(self) -> AutoencoderMetrics:
        return self._metrics

    @classmethod
    def method(cls, runs: Sequence[AutoencoderLane], dtype: torch.dtype, device: torch.device) -> Method:
        first, optimizer = runs[0], runs[0].lane.spec.optimizer
        assert isinstance(optimizer, Adam), "images refuse every other optimizer"
        starts = [run.start() for run in runs]
        return AutoencoderAdamMethod(
            first.problem, first._network, starts, optimizer, dtype, device, first._n_layer_values
        )

    def start(self) -> Float[Tensor, " parameters"]:
        """Uniform draws; those of encoder and decoder are the same whatever the number of layers."""
        return self.model.init_scale * start_of(self._network, self.lane.spec.seed)

    def pictures(self, parameters: Tensor, step: int) -> list[Picture]:
        if self.frames_taken % _FRAMES_A_PICTURE:
            return []
        return [
            picture
            for name, shown in self._pictures.of(parameters).items()
            for picture in self.picture(name, shown, (len(shown), 28, 28), step, 1.0)
        ]

    def last_pictures(self, parameters: Tensor, step: int) -> list[Snapshot]:
        return [
            snapshot
            for name, shown in self._pictures.of(parameters).items()
            for snapshot in self.snapshot(name, _short(shown), (len(shown), 28, 28), step)
        ]

    def summary(self, parameters: Float[Tensor, " parameters"]) -> dict[str, float]:
        """The downstream test, and how far predictions change where linear layers are multiplied into the encoder."""
        images = self.problem.images
        found: dict[str, float] = {}
        if self.model.linear_layers and not self.model.nonlinear:
            found["collapse_difference"] = self._collapse_difference(parameters)
        train, test = self._features(parameters, images.train[:_MOST_LABELS]), self._features(parameters, images.test)
        labels = images.train_labels[:_MOST_LABELS]
        for name, features, others in zip(("encoder", "code"), train, test, strict=True):
            accuracies = head_accuracies(features, labels, others, images.test_labels)
            found |= {f"{name}_accuracy_{n}": accuracy for n, accuracy in accuracies.items()}
        return found

    def _features(self, parameters: Tensor, images: Bytes) -> tuple[Tensor, Tensor]:
        """What the encoder gives of images, and their codes, in double precision."""
        parts = self._network.split(parameters)
        with torch.no_grad():
            encoded = torch.cat([self._network.encode(parts, piece) for piece in _pieces(images, torch.float64)])
            return encoded, self._network.through(parts, encoded)

    def _collapse_difference(self, parameters: Tensor) -> float:
        """The largest difference of a predicted pixel of the test images, in the precision of the training."""
        dtype = torch.float64 if self.lane.spec.dtype == "float64" else torch.float32
        parts, found = self._network.split(parameters.to(dtype)), list[Tensor]()
        collapsed, its_parts = self._network.collapsed(parts)
        with torch.no_grad():
            for piece in _pieces(self.problem.images.test, dtype):
                difference = self._network.predict(parts, piece) - collapsed.predict(its_parts, piece)
                found.append(difference.abs().max())
        # Of tensors the maximum with a NaN is NaN.
        return torch.stack(found).max().item()


def _pieces(images: Bytes, dtype: torch.dtype) -> Iterator[Tensor]:
    """Images as numbers, some at a time."""
    for start in range(0, len(images), _PIECE):
        yield torch.from_numpy(pixel_values(images[start : start + _PIECE])).to(dtype)


def network_of(model: Autoencoder) -> AutoencoderModel:
    """The network that the settings describe."""
    return AutoencoderModel(model.channels, model.latent, model.linear_layers, nonlinear=model.nonlinear)


def start_of(network: AutoencoderModel, seed: int) -> Float[Tensor, " parameters"]:
    """The uniform draws of all parts, one after the other."""
    generator = stream(seed, "initialisation")
    drawn = [generator.uniform(-part.bound, part.bound, part.shape).reshape(-1) for part in network.parts]
    return torch.cat([torch.from_numpy(one) for one in drawn])


def _short(values: Tensor) -> Tensor:
    return torch.tensor(shortened(values.reshape(-1).tolist(), _PICTURE_DIGITS), dtype=torch.float64)
