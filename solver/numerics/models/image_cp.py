"""CP predictors of images: f(x) = Σ_r Π_n w_r^n[x_n] over 784 binary pixels, for all lanes that share the images.

A product over binary pixels is a matrix product in the log domain: log|Π_n w_n[x_n]| = Σ_n log|w_n0| +
x·(log|w_n1| − log|w_n0|), with the sign from the parity of the negative factors. The components of every lane (rank,
label variant, class) are columns of one product.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# A factor nearer to zero counts as this far from it, in the product and in the division alike, so that the quotient
# is the product of the others to rounding.
_SMALLEST_FACTOR = 1e-12
# Beyond this exponent a prediction on unseen images would overflow float32; errors are clipped long before.
_LARGEST_LOG = 80.0

# Below this ratio of the two factors of a pixel a difference of sums has lost too many digits.
_CANCELLING = 0.05


class ImageComponents:
    """The predictors of several lanes, with their gradients; lane l has ``n_components[l]`` columns."""

    def __init__(self, n_components: list[int], dtype: torch.dtype, device: torch.device) -> None:
        self.n_components = n_components
        owner = [lane for lane, n in enumerate(n_components) for _ in range(n)]
        self.owner = torch.tensor(owner, device=device)
        # Column r of lane l: a one in row r, column l.
        self._sum = torch.nn.functional.one_hot(self.owner, len(n_components)).to(dtype)

    def _components(
        self, weights: Float[Tensor, "2 pixels columns"], images: Float[Tensor, "images pixels"]
    ) -> Float[Tensor, "images columns"]:
        """Π_n w_n[x_n] of every component on every image."""
        logs = weights.abs().clamp_min(_SMALLEST_FACTOR).log_()
        products = torch.addmm(logs[0].sum(0), images, logs[1] - logs[0]).clamp_max_(_LARGEST_LOG).exp_()
        negative = weights < 0
        if bool(negative.any()):
            counts = negative.to(weights.dtype)
            # Small whole numbers, exact in any precision.
            parity = torch.addmm(counts[0].sum(0), images, counts[1] - counts[0])
            products.mul_(parity.remainder_(2.0).mul_(-2.0).add_(1.0))
        return products

    def predict(
        self, weights: Float[Tensor, "2 pixels columns"], images: Float[Tensor, "images pixels"]
    ) -> Float[Tensor, "images lanes"]:
        """f(x) of every lane."""
        return self._components(weights, images) @ self._sum

    def loss_and_gradient(
        self,
        weights: Float[Tensor, "2 pixels columns"],
        images: Float[Tensor, "images pixels"],
        targets: Float[Tensor, "images lanes"],
        out: Float[Tensor, "2 pixels columns"],
    ) -> Float[Tensor, " lanes"]:
        """Mean squared errors; ``out`` receives their gradients.

        With P a component's values and g = ∂ℓ/∂f, the gradient in w_n1 is Xᵀ(g∘P)/w_n1, and in w_n0 what is left of
        Σ(g∘P), over w_n0; where w_n0 is much the smaller one the rest would be rounding, and (1−X)ᵀ(g∘P) is computed.
        """
        products = self._components(weights, images)
        residuals = products @ self._sum - targets
        losses = residuals.square().mean(0)
        products.mul_((residuals * (2.0 / len(images)))[:, self.owner])
        torch.mm(images.T, products, out=out[1])
        torch.sub(products.sum(0), out[1], out=out[0])
        size = weights.abs().clamp_min_(_SMALLEST_FACTOR)
        cancelling = (size[0] < _CANCELLING * size[1]).any(1).nonzero()[:, 0]
        if len(cancelling):
            out[0, cancelling] = (1.0 - images[:, cancelling]).T @ products
        out.div_(torch.where(weights < 0, -size, size))
        return losses
