"""Every recorded series, declared once: what it holds, what it means, and how a list, a chart and an export show it.

The order is that of the export. What a lane measures must be declared here: ``declared`` says so at import.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from solver.spec import FLOW_METHODS

Shape = Literal["scalar", "vector", "count", "word"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the app's list, and what its chart shows."""

    place: int
    """Rows stand in the order of their places."""
    title: str
    short: str = ""
    """The title where there is little room."""
    rank: int | None = None
    """Which singular value or component, of a vector series; None for all of them, or for a scalar."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded under one name, one value a frame."""

    name: str
    shape: Shape
    """A number, a number for each rank r or component, a whole number, or one of ``words``."""
    note: str = ""
    """What it means, and its unit; the schema of the export says so."""
    always: bool = False
    """Whether every lane records it."""
    words: tuple[str, ...] = ()
    """What the numbers of the log stand for, in their order."""
    axis: str = ""
    """What it is called as an x axis that every lane goes forward on; empty for what is none."""
    axis_place: int = 0
    """Such axes follow each other in the order of their places."""
    by_identity: bool = False
    """Whether the numbers of a vector belong to things that keep their place, and are not sorted: the largest count."""
    rows: tuple[Row, ...] = ()
    """Its rows in the app's list; none for what is not drawn by itself."""
    keys: tuple[int, ...] = ()
    """The number keys that show it, where it is the first in the list of theirs that is recorded."""
    log: bool = False
    """Whether its y axis starts out logarithmic."""
    rated: bool = False
    """Whether its vector has a number for each component that rate_components names in the same frame."""
    predicted: str = ""
    """The series with the theory's value of the same quantity, drawn dim beside it."""
    predicted_name: str = "law"
    """What the legend calls that."""
    baseline: str = ""
    """The number in baselines that is drawn as a level line, where the lanes' problem has one."""
    unless: str = ""
    """A series whose lanes do not show this one: the same number is there in another form."""
    exported: bool = True
    """Whether the export has it; not where the others are put in its order instead."""
    told: str = ""
    """What ``run`` calls it when it says how a lane ended; empty for what is not said."""


def _ranks(place: int, n: int) -> tuple[Row, ...]:
    subscripts = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    return tuple(Row(place=place + rank, title=f"  σ{rank + 1}".translate(subscripts), rank=rank) for rank in range(n))


SERIES = (
    Series(
        name="step",
        shape="count",
        note="Accepted steps. Frames are in the order of the flow; those inside a step (record.per_step) carry the "
        "number of the step before, and time tells them apart.",
        always=True,
        axis="step",
        axis_place=1,
    ),
    Series(name="time", shape="scalar", note="Flow time; absent for adam.", axis="time", axis_place=2),
    Series(
        name="elapsed_s",
        shape="scalar",
        note="Solver seconds since the start, pauses left out.",
        always=True,
        axis="sec.",
        axis_place=4,
    ),
    Series(
        name="evaluations",
        shape="count",
        note="Gradients computed by the lane so far.",
        always=True,
        axis="evals",
        axis_place=3,
    ),
    Series(
        name="train_loss",
        shape="scalar",
        always=True,
        rows=(Row(place=200, title="training loss"),),
        keys=(3,),
        log=True,
        told="loss",
    ),
    Series(
        name="reconstruction_error",
        shape="scalar",
        note="Mean squared error over all entries, divided by the mean-square entry of the ground truth (A19).",
        rows=(Row(place=210, title="reconstruction error", short="recon. error"),),
        keys=(4,),
        log=True,
        baseline="reconstruction_error",
        told="reconstruction error",
    ),
    Series(
        name="normalised_reconstruction_error",
        shape="scalar",
        note="Its square root, ‖W − W*‖_F / ‖W*‖_F (R20, R21).",
        rows=(Row(place=220, title="error ‖T−T*‖/‖T*‖"),),
        log=True,
        baseline="normalised_reconstruction_error",
        unless="singular_values",
    ),
    Series(
        name="held_out_error",
        shape="scalar",
        note="Mean squared error over the entries of a file held out for testing, divided by their mean square.",
        rows=(Row(place=230, title="held-out error"),),
        keys=(4,),
        log=True,
        baseline="held_out_error",
        told="held-out error",
    ),
    Series(
        name="held_out_rmse",
        shape="scalar",
        note="Root mean squared error over the same entries, in the file's own unit.",
        rows=(Row(place=231, title="held-out error, rms", short="held-out rms"),),
        baseline="held_out_rmse",
        told="rms",
    ),
    Series(
        name="validation_error",
        shape="scalar",
        note="Mean squared error over the entries of a file set aside to choose the best step, over their mean square.",
        rows=(Row(place=232, title="validation error"),),
        log=True,
        baseline="validation_error",
    ),
    Series(
        name="effective_rank",
        shape="scalar",
        note="exp of the entropy of σ/Σσ (Roy & Vetterli 2007); 0 for the zero matrix.",
        rows=(Row(place=150, title="effective rank"),),
        keys=(2,),
        baseline="effective_rank",
        told="effective rank",
    ),
    Series(
        name="singular_values",
        shape="vector",
        note="The largest ones, descending; singular_values[t][r].",
        rows=(Row(place=100, title="singular values"), *_ranks(101, 6)),
        keys=(1,),
    ),
    Series(
        name="singular_values_error",
        shape="scalar",
        note="A singular value lies so near to each of these: of large matrices the largest alone are found.",
        rows=(Row(place=149, title="error of singular values", short="error of σ"),),
        log=True,
    ),
    Series(
        name="nuclear_norm",
        shape="scalar",
        rows=(Row(place=160, title="nuclear norm"),),
        baseline="nuclear_norm",
    ),
    Series(
        name="frobenius_norm",
        shape="scalar",
        note="Of the end matrix or tensor.",
        rows=(Row(place=170, title="Frobenius norm"),),
        keys=(2,),
    ),
    Series(name="spectral_norm", shape="scalar", rows=(Row(place=180, title="spectral norm"),)),
    Series(
        name="schatten_2_over_n",
        shape="scalar",
        note="(Σσ^p)^(1/p), p = 2/N.",
        rows=(Row(place=190, title="Schatten-2/N norm", short="Schatten-2/N"),),
        log=True,
    ),
    Series(
        name="norms_error",
        shape="scalar",
        note="Relative standard error of effective rank, nuclear and Schatten norm, the largest: of large matrices the "
        "sums over smaller singular values are estimated.",
        rows=(Row(place=195, title="error of norms"),),
        log=True,
    ),
    Series(
        name="det_sign",
        shape="scalar",
        note="Of the end matrix; of a counterexample that is not square, of its leading square block.",
        rows=(Row(place=290, title="sign of det W"),),
    ),
    Series(
        name="log_abs_det",
        shape="scalar",
        note="Natural logarithm of |det W|.",
        rows=(Row(place=280, title="log |det W|"),),
    ),
    Series(
        name="singular_value_rates",
        shape="vector",
        note="dσ_r/dt measured: central differences over a short step of the flow; null where σ_r has a twin.",
        rows=(
            Row(place=240, title="dσ₁/dt", rank=0),
            Row(place=250, title="dσ₂/dt", rank=1),
        ),
        predicted="predicted_rates",
    ),
    Series(name="predicted_rates", shape="vector", note="dσ_r/dt by the formula for any initialisation."),
    Series(
        name="predicted_rates_balanced",
        shape="vector",
        note="N σ_r^(2−2/N) γ_r (A19 Theorem 3), which supposes balanced layers; 4 σ_r γ_r of W = UUᵀ.",
    ),
    Series(
        name="truth_alignment",
        shape="vector",
        note="‖U*ᵀ u_r‖ ‖V*ᵀ v_r‖: the cosines of the angles of σ_r's vectors with the ground truth's column and row "
        "space.",
        rows=(Row(place=270, title="alignment with the truth", short="alignment"),),
    ),
    Series(
        name="layer_singular_values",
        shape="vector",
        note="The largest of each layer, layer after layer from W_1 on, descending within a layer; of each as many: "
        "record.layers, or what the narrowest layer has. Of balanced layers each is σ_r^(1/N). Of an autoencoder of "
        "the linear layers of its code.",
        rows=(Row(place=274, title="σ of the layers"),),
    ),
    Series(
        name="layer_alignment",
        shape="vector",
        note="|⟨v, u⟩| of the first right singular vector of W_{j+1} and the first left one of W_j, for j = 1 … N − 1 "
        "(Ji & Telgarsky 2019; A19): 1 where layers are balanced; null where the largest value of either has a twin.",
        rows=(Row(place=276, title="alignment of layers", short="layers aligned"),),
    ),
    Series(
        name="unobserved_entry",
        shape="scalar",
        note="Of a matrix all but one of whose entries are given (R20).",
        rows=(Row(place=140, title="unobserved entry w", short="entry w"),),
        predicted="unobserved_entry_bound",
        predicted_name="bound",
        told="unobserved entry",
    ),
    Series(
        name="unobserved_entry_bound",
        shape="scalar",
        note="Its least |value| at this loss while the determinant has the sign of z·z′; 0 where the proof is silent.",
    ),
    Series(
        name="component_norms",
        shape="vector",
        note="Π_n ‖w_r^n‖ of the components in final.component_indices; component_norms[t][r]. Of a hierarchical "
        "Tucker form (R22) of its local components, node by node of the mode tree in breadth-first order, the root "
        "first, of each as many as its width: the r-th row of the node's weights and the r-th column of each child's.",
        by_identity=True,
        rows=(Row(place=110, title="component norms"),),
        keys=(1,),
    ),
    Series(
        name="rate_components",
        shape="vector",
        note="Which components the recorded rates belong to: the largest of each frame, the largest first.",
        exported=False,
    ),
    Series(
        name="component_rates",
        shape="vector",
        note="dσ_r/dt measured, of the components of component_norms in their order; null for all but the largest of "
        "each frame (record.rates).",
        rows=(Row(place=260, title="dσ/dt of the largest, law", short="dσ₁/dt, law", rank=0),),
        predicted="predicted_component_rates_balanced",
        rated=True,
    ),
    Series(
        name="predicted_component_rates",
        shape="vector",
        note="The same by the formula for any initialisation.",
        rated=True,
    ),
    Series(
        name="predicted_component_rates_balanced",
        shape="vector",
        rated=True,
        note="N σ_r^(2−2/N) γ_r (R21 Theorem 1), which supposes balanced components; N is the number of modes, of a "
        "local component that of its vectors, its node's children and one (R22).",
    ),
    Series(
        name="matricisation_singular_values",
        shape="vector",
        note="Of a hierarchical Tucker form: the largest of the end tensor unfolded between the modes of a node and "
        "the others, descending, node after node of the mode tree in breadth-first order; of each as many as "
        "record.singular_values says, or the unfolding has. The root is left out, and the second of its two children, "
        "whose unfolding is the first's transposed.",
        rows=(
            Row(place=112, title="σ of the unfoldings"),
            Row(place=113, title="  σ₁ of the first", rank=0),
            Row(place=114, title="  σ₂ of the first", rank=1),
        ),
        log=True,
    ),
    Series(
        name="matricisation_effective_ranks",
        shape="vector",
        note="exp of the entropy of σ/Σσ of each of these unfoldings.",
        rows=(Row(place=116, title="effective ranks of nodes", short="eff. ranks"),),
    ),
    Series(
        name="hierarchical_tensor_rank",
        shape="vector",
        note="How many singular values of each of these unfoldings are above record.matricisation_tolerance times its "
        "largest.",
        rows=(Row(place=118, title="hierarchical rank", short="HT rank"),),
    ),
    Series(
        name="unbalancedness",
        shape="scalar",
        note="The largest ‖W_{j+1}ᵀ W_{j+1} − W_j W_jᵀ‖_F, or |‖w_r^n‖² − ‖w_r^m‖²| of a component, or local "
        "component.",
        rows=(Row(place=300, title="unbalancedness"),),
        log=True,
    ),
    Series(
        name="sharpness",
        shape="scalar",
        note="λ_max of the Hessian of the loss over all factors, to 1e-4; a lower bound where 40 products do not reach "
        "that. At a balanced solution of a fully observed matrix N σ_1^(2−2/N) for the half-sum loss.",
        rows=(Row(place=305, title="sharpness λ_max", short="sharpness"),),
        predicted="stability_limit",
        predicted_name="2/η",
    ),
    Series(
        name="stability_limit",
        shape="scalar",
        note="2/η with the step size η in effect: gradient descent settles at no solution that is sharper.",
    ),
    Series(
        name="gradient_norm",
        shape="scalar",
        note="Over all factors.",
        rows=(Row(place=310, title="gradient norm"),),
        log=True,
    ),
    Series(
        name="step_size",
        shape="scalar",
        note="In effect at the last step.",
        always=True,
        rows=(Row(place=320, title="step size"),),
        log=True,
    ),
    Series(
        name="method",
        shape="word",
        note="The scheme that took the last step of a gradient flow: dormand-prince, chebyshev or rosenbrock.",
        words=FLOW_METHODS,
    ),
    Series(
        name="rejections",
        shape="count",
        note="Attempted steps of the flow so far that its error control did not accept.",
    ),
    Series(
        name="code_spectrum",
        shape="vector",
        note="Of an autoencoder: the eigenvalues of the covariance of the test images' codes, behind the linear "
        "layers, divided by the largest, descending (J20).",
        rows=(Row(place=107, title="spectrum of codes"),),
        keys=(1,),
        log=True,
    ),
    Series(
        name="code_effective_rank",
        shape="scalar",
        note="exp of the entropy of these eigenvalues over their sum; 0 where all codes are alike.",
        rows=(Row(place=108, title="effective rank of codes", short="eff. rank, codes"),),
        keys=(2,),
        told="effective rank of codes",
    ),
    Series(
        name="code_rank",
        shape="scalar",
        note="How many of these eigenvalues are above a hundredth of the largest.",
        rows=(Row(place=109, title="rank of codes at 1 %", short="rank of codes"),),
    ),
    Series(
        name="train_error",
        shape="scalar",
        note="Of images: mean squared error over all training images, divided by the squared distance of the targets. "
        "Of an autoencoder: mean squared error of a pixel, over the first training images, as many as there are test "
        "images.",
        rows=(Row(place=120, title="training error"),),
        keys=(1,),
        log=True,
        told="training error",
    ),
    Series(
        name="test_error",
        shape="scalar",
        note="The same over the test images; of predicted classes each squared error is clipped before the mean.",
        rows=(Row(place=130, title="test error"),),
        keys=(2, 4),
        log=True,
        baseline="test_error",
        told="test error",
    ),
)
BY_NAME = {series.name: series for series in SERIES}
ALWAYS = frozenset(series.name for series in SERIES if series.always)
VECTORS = frozenset(series.name for series in SERIES if series.shape == "vector")
AXES = tuple(s.name for s in sorted(SERIES, key=lambda one: one.axis_place) if s.axis)
"""What every lane goes forward on; any other scalar series can be an x axis too."""


def declared(*names: str) -> tuple[str, ...]:
    """The names, in their order. Raises TypeError for one that is not declared."""
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise TypeError(f"solver/series.py declares no series {', '.join(unknown)}")
    return names


def told() -> Sequence[Series]:
    """What is said of a lane that has ended, in order."""
    return [series for series in SERIES if series.told]
