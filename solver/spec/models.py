"""What is trained: a product of layers, or a sum of components."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from solver.spec.base import Dimension, Finite, Positive, Settings


class DeepMatrixFactorization(Settings, frozen=True, tag_field="kind", tag="deep-matrix-factorization"):
    """The end matrix W = W_N … W_1 of a linear network of depth N; layer j maps width j−1 to width j."""

    depth: Annotated[int, Meta(ge=1, le=32)] = 3
    """Number of layers N; 1 trains the matrix itself."""
    hidden_width: Dimension | None = None
    """Width of the hidden layers; the smaller dimension of the problem, so that the width never limits the rank."""
    init: Literal["gaussian", "identity", "orthogonal", "balanced"] = "gaussian"
    """How the layers start: independent Gaussian, multiples of the identity, orthogonal, or balanced (A19 §3)."""
    init_scale: Positive = 1e-3
    """Scale of the end matrix at the start: a Gaussian layer has standard deviation init_scale^(1/N)/sqrt(width)."""
    det_sign: Literal["any", "positive", "negative"] = "any"
    """Sign of the end matrix's determinant at the start (square problems); one layer is reflected to make it so."""


class CP(Settings, frozen=True, tag_field="kind", tag="cp"):
    """A tensor as a sum of R components, each the outer product of one vector a mode (R21)."""

    components: Annotated[int, Meta(ge=1, le=20_000)] = 10
    """Number of components R."""
    init_mean: Finite = 0.0
    """Mean of a factor's entries at the start; 1 for images, whose components are products of 784 factors."""
    init_std: Positive = 1e-2
    """Standard deviation of a factor's entries at the start (of each factor, not of the product)."""
    balanced: bool = False
    """Whether the vectors of a component start with equal norms, their product kept (the premise of R21 Theorem 1)."""
    planted: bool = False
    """Whether the component best aligned with −∇L(0) starts enlarged until it meets R21's escape condition."""


Model = DeepMatrixFactorization | CP
