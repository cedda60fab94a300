"""What an autoencoder makes of images and codes, as pictures."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from solver.numerics.models.autoencoder import AutoencoderModel
from solver.numerics.problems.images import Images, pixel_values

# A record holds at most 10,000 numbers: twelve pictures.
N_SHOWN = 12
# Images between two of which codes are drawn, and whose codes a Gaussian is fitted to.
_STEPS, _FITTED = 6, 256
# The draws behind samples: the same for every lane and step, so that pictures can be compared.
_SEED = 0


class AutoencoderPictures:
    """Pictures of one lane, by the name that they are recorded under; values of 0 to 1, but for what is over-shot."""

    def __init__(self, network: AutoencoderModel, images: Images) -> None:
        self._network = network
        self._images = torch.from_numpy(pixel_values(images.test[:_FITTED]))
        self._draws = torch.from_numpy(
            np.random.Generator(np.random.PCG64(_SEED)).standard_normal((N_SHOWN, network.latent), dtype=np.float32)
        )

    def of(self, parameters: Float[Tensor, " parameters"]) -> dict[str, Float[Tensor, "pictures 784"]]:
        """Test images each with its reconstruction after it; ways between codes of two; samples.

        A way goes in equal steps from the code of an image to that of another. Samples are decoded from draws of the
        Gaussian that has the mean and covariance of the codes of the first 256 test images (J20).
        """
        parts = self._network.split(parameters.float())
        with torch.no_grad():
            codes = self._network.code(parts, self._images)
            n = min(N_SHOWN // 2, len(codes))
            shown = torch.stack([self._images[:n], self._network.decode(parts, codes[:n])], dim=1).flatten(0, 1)
            found = {"reconstructions": shown}
            if len(codes) >= 4:
                ends = codes[:4].view(2, 2, 1, -1)
                part = torch.linspace(0.0, 1.0, _STEPS).view(1, -1, 1)
                ways = ends[:, 0] + part * (ends[:, 1] - ends[:, 0])
                found["interpolations"] = self._network.decode(parts, ways.flatten(0, 1))
            found["samples"] = self._network.decode(parts, self._sampled(codes))
        return found

    def _sampled(self, codes: Float[Tensor, "images latent"]) -> Float[Tensor, "samples latent"]:
        mean = codes.mean(0)
        centred = codes - mean
        covariance = centred.T @ centred / max(1, len(codes) - 1)
        if not bool(torch.isfinite(covariance).all()):
            return self._draws * float("nan")
        # The symmetric root, which a covariance without full rank has too.
        values, vectors = torch.linalg.eigh(covariance)
        drawn: Tensor = mean + self._draws @ (vectors * values.clamp_min(0.0).sqrt()) @ vectors.T
        return drawn
