"""How it is trained: the flow itself, or a method with steps."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from solver.spec.base import Count, Fraction, NonNegative, Positive, Settings

FLOW_METHODS = ("dormand-prince", "chebyshev", "rosenbrock")
"""The schemes that integrate the flow; the log numbers them in this order."""


class GradientFlow(Settings, frozen=True, tag_field="kind", tag="gradient-flow"):
    """The flow dθ/dt = −∇ℓ(θ) itself, integrated with error control."""

    rtol: Annotated[float, Meta(ge=1e-13, le=1e-2)] = 1e-4
    """Local error allowed in a step, relative to the root mean square of the parameters.

    Singular values and components that rise after RKC2 has taken over do so at times right to about rtol^(2/3).
    """
    atol: NonNegative = 1e-9
    """Local error allowed in a step, absolute, in units of a parameter."""
    method: Literal["auto", "dormand-prince", "chebyshev", "rosenbrock"] = "auto"
    """Explicit pair 5(4), stabilised explicit RKC2, or implicit Rodas4; auto begins with the pair and hands over where
    stability limits its steps: to RKC2, or to Rodas4 for at most 64 numbers in layers, and back.
    """


class GradientDescent(Settings, frozen=True, tag_field="kind", tag="gradient-descent"):
    """θ ← θ − step_size · ∇ℓ(θ)."""

    step_size: Positive = 0.1
    """Step size; flow time advances by it at every step."""


class GroupRMSprop(Settings, frozen=True, tag_field="kind", tag="group-rmsprop"):
    """The papers' adaptive method (A19 appendix): one scalar second moment for all parameters, no momentum."""

    step_size: Positive = 1e-3
    """Step size before the division by sqrt(second moment) + eps; A19 has 1e-3, R20 and R21 1e-2."""
    alpha: Fraction = 0.99
    """Decay of the running second moment."""
    eps: Positive = 1e-4
    """Added to the root; sets the plateau lengths. A19 has 1e-4, R20 and R21 1e-6."""


class Adam(Settings, frozen=True, tag_field="kind", tag="adam"):
    """Adam (Kingma & Ba 2015) with bias correction."""

    step_size: Positive = 1e-3
    """Step size; R21 has 5e-4."""
    beta1: Fraction = 0.9
    """Decay of the running gradient."""
    beta2: Fraction = 0.999
    """Decay of the running squared gradient."""
    eps: Positive = 1e-8
    """Added to the root of the second moment."""
    batch_size: Count | None = None
    """Images in a step (R21 has 5000), each used once an epoch; all unless given. Other problems have no batches."""


Optimizer = GradientFlow | GradientDescent | GroupRMSprop | Adam
