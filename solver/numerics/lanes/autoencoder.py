"""A lane that trains an autoencoder of images."""

from __future__ import annotations

from collections.abc import Sequence

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
from solver.numerics.problems.images import ImageProblem, pixel_values
from solver.numerics.streams import stream
from solver.records import Picture, Snapshot, Value
from solver.spec import Adam, Autoencoder

_FRAMES_A_PICTURE = 4
_PICTURE_DIGITS = 3
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
        images, parts = self.problem.images, self._network.split(parameters)
        labels, test_labels = images.train_labels[:_MOST_LABELS], images.test_labels
        train, test = (
            torch.from_numpy(pixel_values(some)).double() for some in (images.train[:_MOST_LABELS], images.test)
        )
        found: dict[str, float] = {}
        with torch.no_grad():
            encoded, encoded_test = (self._network.encode(parts, some) for some in (train, test))
            codes, codes_test = (self._network.through(parts, some) for some in (encoded, encoded_test))
            if self.model.linear_layers and not self.model.nonlinear:
                found["collapse_difference"] = self._collapse_difference(parameters, test)
        for name, features, others in (("code", codes, codes_test), ("encoder", encoded, encoded_test)):
            accuracies = head_accuracies(features, labels, others, test_labels)
            found |= {f"{name}_accuracy_{n}": accuracy for n, accuracy in accuracies.items()}
        return found

    def _collapse_difference(self, parameters: Tensor, images: Tensor) -> float:
        """The largest difference of a predicted pixel, in the precision of the training."""
        dtype = torch.float64 if self.lane.spec.dtype == "float64" else torch.float32
        parts, images = self._network.split(parameters.to(dtype)), images.to(dtype)
        collapsed, its_parts = self._network.collapsed(parts)
        difference = self._network.predict(parts, images) - collapsed.predict(its_parts, images)
        return difference.abs().max().item()


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
