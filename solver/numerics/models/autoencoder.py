"""A convolutional autoencoder of images, with linear layers between its encoder and decoder (J20).

Images go through two convolutions of stride 2 (28 → 14 → 7 pixels a side) and a linear map to n numbers, the l linear
layers turn these into the code, and the decoder is the mirror image. Gradients are autograd's: nothing here is a law.

Arrays have their channels last. The convolution that reads a pixel and the one that writes one are products of
matrices, since a kernel of one channel is a waste of what convolutions are written for: a step takes two thirds as long
as with the four layers of torch.nn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as f

# Pixels a side, at each level of the encoder; a kernel is four pixels wide, at a stride of two.
_SIDES = 28, 14, 7
_KERNEL, _STRIDE, _PADDING = 4, 2, 1
# Weights and biases of three layers each of encoder and decoder.
_OUTSIDE = 12


class Part(NamedTuple):
    """A trained array and the bound of the uniform draw that it starts with."""

    shape: tuple[int, ...]
    bound: float


class AutoencoderModel:
    """Encoder, linear layers and decoder as functions of the trained parts, in the order of ``parts``."""

    def __init__(self, channels: int, latent: int, linear_layers: int, *, nonlinear: bool) -> None:
        self.latent = latent
        self.linear_layers = linear_layers
        self.nonlinear = nonlinear
        self.channels = channels
        self.parts = self._parts()
        self.sizes = [torch.Size(part.shape).numel() for part in self.parts]

    def _parts(self) -> list[Part]:
        """Encoder, decoder, linear layers: those of a code's width are the same whatever the number of layers.

        Bounds are those of torch.nn's layers, 1/sqrt(inputs of an output), which for a transposed convolution it
        counts the other way round.
        """
        c, n, window, inner = self.channels, self.latent, _KERNEL**2, 2 * self.channels * _SIDES[2] ** 2
        sizes = (
            ((window, c), c, window),
            ((2 * c, _KERNEL, _KERNEL, c), 2 * c, c * window),
            ((n, inner), n, inner),
            ((inner, n), inner, n),
            ((2 * c, _KERNEL, _KERNEL, c), c, c * window),
            ((c, window), 1, window),
        )
        parts = [Part(shape, fan**-0.5) for weight, bias, fan in sizes for shape in (weight, (bias,))]
        return [*parts, *[Part((n, n), n**-0.5)] * self.linear_layers]

    def split(self, flat: Float[Tensor, " parameters"]) -> list[Tensor]:
        """The parts as views of all trained numbers."""
        return [one.view(part.shape) for one, part in zip(torch.split(flat, self.sizes), self.parts, strict=True)]

    def encoder(self, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        """The parts of the encoder, which is all that ``encode`` needs."""
        return parts[: _OUTSIDE // 2]

    def encode(self, parts: Sequence[Tensor], images: Float[Tensor, "images 784"]) -> Float[Tensor, "images latent"]:
        """What the encoder gives, before the linear layers."""
        first, first_bias, second, second_bias, third, third_bias = self.encoder(parts)
        side = _SIDES[1]
        windows = (
            f.pad(images.view(-1, 28, 28), (_PADDING,) * 4).unfold(1, _KERNEL, _STRIDE).unfold(2, _KERNEL, _STRIDE)
        )
        seen = torch.addmm(first_bias, windows.reshape(-1, _KERNEL**2), first).relu()
        seen = seen.view(-1, side, side, self.channels).permute(0, 3, 1, 2)
        seen = f.conv2d(seen, second.permute(0, 3, 1, 2), second_bias, _STRIDE, _PADDING).relu()
        return torch.addmm(third_bias, seen.permute(0, 2, 3, 1).reshape(len(images), -1), third.T)

    def linear(self, parts: Sequence[Tensor]) -> Sequence[Float[Tensor, "latent latent"]]:
        """The linear layers, in the order in which codes go through them."""
        return parts[_OUTSIDE:]

    def through(
        self, parts: Sequence[Tensor], encoded: Float[Tensor, "images latent"]
    ) -> Float[Tensor, "images latent"]:
        """The code: what the linear layers make of the encoder's output."""
        for layer in self.linear(parts):
            encoded = encoded @ layer.T
            if self.nonlinear:
                encoded = encoded.relu()
        return encoded

    def decode(self, parts: Sequence[Tensor], codes: Float[Tensor, "images latent"]) -> Float[Tensor, "images 784"]:
        """The images of codes."""
        first, first_bias, second, second_bias, third, third_bias = parts[_OUTSIDE // 2 : _OUTSIDE]
        side = _SIDES[2]
        seen = (
            torch.addmm(first_bias, codes, first.T).relu().view(-1, side, side, 2 * self.channels).permute(0, 3, 1, 2)
        )
        kernel = second.permute(0, 3, 1, 2)
        seen = f.conv_transpose2d(seen, kernel, second_bias, _STRIDE, _PADDING).relu()
        windows = seen.permute(0, 2, 3, 1).reshape(len(codes), -1, self.channels) @ third
        image = f.fold(windows.transpose(1, 2), (28, 28), _KERNEL, padding=_PADDING, stride=_STRIDE)
        return image.flatten(1) + third_bias

    def code(self, parts: Sequence[Tensor], images: Float[Tensor, "images 784"]) -> Float[Tensor, "images latent"]:
        """The codes of images."""
        return self.through(parts, self.encode(parts, images))

    def collapsed(self, parts: Sequence[Tensor]) -> tuple[AutoencoderModel, list[Tensor]]:
        """The same network without linear layers, which are multiplied into the last map of the encoder (J20).

        Only where they are linear; with a ReLU after each it is another network.
        """
        product = torch.eye(self.latent, dtype=parts[0].dtype, device=parts[0].device)
        for layer in self.linear(parts):
            product = layer @ product
        outside = list(parts[:_OUTSIDE])
        outside[4], outside[5] = product @ outside[4], product @ outside[5]
        return AutoencoderModel(self.channels, self.latent, 0, nonlinear=False), outside

    def predict(self, parts: Sequence[Tensor], images: Float[Tensor, "images 784"]) -> Float[Tensor, "images 784"]:
        """The reconstructions of images."""
        return self.decode(parts, self.code(parts, images))
