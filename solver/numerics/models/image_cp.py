"""CP predictors of images: f(x) = Σ_r Π_n w_r^n[x_n] over 784 binary pixels, for all lanes that share the images.

A product over binary pixels is a matrix product in the log domain: log|Π_n w_n[x_n]| = Σ_n log|w_n0| +
x·(log|w_n1| − log|w_n0|), with the sign from the parity of the negative factors. The components of every lane (rank,
label variant, class) are columns of one product. Pixels that are the same in every training image take no part in it.
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


class ImageCP:
    """The predictors of several lanes, with their gradients; lane l has ``n_components[l]`` columns.

    ``varying`` numbers the pixels that training images have a column for; of the others, ``always_on`` ones are on in
    every training image, and the rest off.
    """

    def __init__(
        self,
        n_components: list[int],
        dtype: torch.dtype,
        device: torch.device,
        varying: Tensor | None = None,
        always_on: Tensor | None = None,
    ) -> None:
        self.n_components = n_components
        owner = [lane for lane, n in enumerate(n_components) for _ in range(n)]
        self.owner = torch.tensor(owner, device=device)
        # Column r of lane l: a one in row r, column l.
        self._sum = torch.nn.functional.one_hot(self.owner, len(n_components)).to(dtype)
        self._varying = varying
        self._always_on = torch.zeros(0, dtype=torch.int64, device=device) if always_on is None else always_on

    def _sums(
        self, values: Float[Tensor, "2 pixels columns"], images: Float[Tensor, "images _"]
    ) -> Float[Tensor, "images columns"]:
        """Σ_n values[x_n, n] of every image, whether it has all pixels or those that vary in training."""
        base, differences = values[0], values[1] - values[0]
        if images.shape[1] == base.shape[0]:
            return torch.addmm(base.sum(0), images, differences)
        assert self._varying is not None, "images with fewer pixels than weights need to say which they have"
        start = base.sum(0) + differences[self._always_on].sum(0)
        return torch.addmm(start, images, differences[self._varying])

    def _components(
        self, weights: Float[Tensor, "2 pixels columns"], images: Float[Tensor, "images _"], any_negative: bool
    ) -> Float[Tensor, "images columns"]:
        """Π_n w_n[x_n] of every component on every image."""
        logs = weights.abs().clamp_min_(_SMALLEST_FACTOR).log_()
        products = self._sums(logs, images).clamp_max_(_LARGEST_LOG).exp_()
        if any_negative:
            # Small whole numbers, exact in any precision.
            parity = self._sums((weights < 0).to(weights.dtype), images)
            products.mul_(parity.remainder_(2.0).mul_(-2.0).add_(1.0))
        return products

    def predict(
        self, weights: Float[Tensor, "2 pixels columns"], images: Float[Tensor, "images _"]
    ) -> Float[Tensor, "images lanes"]:
        """f(x) of every lane."""
        return self._components(weights, images, bool((weights < 0).any())) @ self._sum

    def cancelling(self, weights: Float[Tensor, "2 pixels columns"]) -> Tensor:
        """The pixels, as a mask, where a difference of sums is too rough for the gradient."""
        size = weights.abs().clamp_min_(_SMALLEST_FACTOR)
        return (size[0] < _CANCELLING * size[1]).any(1)

    def needs_care(self, weights: Float[Tensor, "2 pixels columns"]) -> Tensor:
        """Whether a weight is negative or a pixel cancels, as a tensor of one truth value on the device."""
        return (weights < 0).any() | self.cancelling(weights).any()

    def loss_and_gradient(
        self,
        weights: Float[Tensor, "2 pixels columns"],
        images: Float[Tensor, "images _"],
        targets: Float[Tensor, "images lanes"],
        out: Float[Tensor, "2 pixels columns"],
        careful: bool | None = None,
    ) -> Float[Tensor, " lanes"]:
        """Mean squared errors; ``out`` receives their gradients.

        With P a component's values and g = ∂ℓ/∂f, the gradient in w_n1 is Xᵀ(g∘P)/w_n1, and in w_n0 what is left of
        Σ(g∘P), over w_n0; where w_n0 is much the smaller one the rest would be rounding, and (1−X)ᵀ(g∘P) is computed.
        ``careful`` says whether weights are negative or cancel (True is right for all weights and half as slow again);
        None looks at them, for which a GPU would have to wait.
        """
        any_negative = bool((weights < 0).any()) if careful is None else careful
        products = self._components(weights, images, any_negative)
        residuals = products @ self._sum - targets
        losses = residuals.square().mean(0)
        products.mul_((residuals * (2.0 / len(images)))[:, self.owner])
        # Component by component: a third faster than the transpose of this product.
        whole, on = products.sum(0), torch.mm(products.T, images).T
        self._put(out[1], on, whole)
        torch.sub(whole, out[1], out=out[0])
        if careful is not False:
            self._put_off(out[0], weights, images, products, careful)
        size = weights.abs().clamp_min_(_SMALLEST_FACTOR)
        out.div_(torch.where(weights < 0, -size, size))
        return losses

    def _put(self, out: Tensor, of_images: Tensor, of_always_on: Tensor | float) -> None:
        """A sum over images by pixel, where not every pixel varies: nothing for those that are always off."""
        if self._varying is None or len(of_images) == len(out):
            out.copy_(of_images)
            return
        out.zero_()
        out.index_copy_(0, self._varying, of_images)
        out[self._always_on] = of_always_on

    def _put_off(self, out: Tensor, weights: Tensor, images: Tensor, products: Tensor, careful: bool | None) -> None:
        """The sums over images that have a pixel off, where the difference from the whole is too rough."""
        if careful:
            off = torch.mm(products.T, 1.0 - images).T
            if self._varying is None or len(off) == len(out):
                out.copy_(off)
            else:
                out.index_copy_(0, self._varying, off)
            return
        mask = self.cancelling(weights)
        if self._varying is not None and images.shape[1] < len(mask):
            columns = mask[self._varying].nonzero()[:, 0]
            pixels = self._varying[columns]
        else:
            pixels = columns = mask.nonzero()[:, 0]
        if len(columns):
            out[pixels] = torch.mm(products.T, 1.0 - images[:, columns]).T
