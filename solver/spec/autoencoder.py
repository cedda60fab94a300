"""An autoencoder of images with linear layers between its encoder and decoder."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from solver.spec.base import Positive, Settings
from solver.spec.model_kind import ModelKind
from solver.spec.problems import ImageTensor, Problem


class Autoencoder(ModelKind, frozen=True, tag_field="kind", tag="autoencoder"):
    """A convolutional autoencoder of images, whose code goes through linear layers before it is decoded (J20).

    Two convolutions of stride 2 and a linear map to the code, mirrored by the decoder. The linear layers are one matrix
    in what they can compute, and make training prefer codes of low rank.
    """

    FITS: ClassVar[tuple[type[Settings], ...]] = (ImageTensor,)
    HAS_HESSIAN: ClassVar[bool] = False

    linear_layers: Annotated[int, Meta(ge=0, le=32)] = 4
    """Number l of square layers without bias between encoder and decoder; 0 is the plain autoencoder."""
    latent: Annotated[int, Meta(ge=1, le=1024)] = 32
    """Numbers n of a code; J20 has 128 for digits."""
    channels: Annotated[int, Meta(ge=1, le=128)] = 16
    """Channels of the first convolution; the second has twice as many."""
    nonlinear: bool = False
    """Whether a ReLU follows each of the linear layers: the control, which is no single matrix any more."""
    init_scale: Positive = 1.0
    """Size of all weights at the start, in units of the uniform draws that torch.nn begins with."""

    @property
    def start_scale(self) -> tuple[str, float]:
        return "init_scale", self.init_scale

    @property
    def baseline_key(self) -> tuple[int, ...]:
        """As many principal components as a code has numbers, and a network of the encoder's shape."""
        return self.latent, self.channels

    def n_factors(self, problem: Problem) -> int:  # noqa: ARG002
        return max(1, self.linear_layers)

    def has_one_law(self, problem: Problem) -> bool:  # noqa: ARG002
        return False
