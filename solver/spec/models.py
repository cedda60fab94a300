"""What is trained: a product of layers, a sum of components, or an autoencoder."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, cast

from msgspec import Meta

from solver.spec.autoencoder import Autoencoder
from solver.spec.base import Dimension, Finite, Positive, Settings, check_kinds, kinds_of
from solver.spec.mode_tree import ModeTree, mode_tree
from solver.spec.model_kind import ModelKind
from solver.spec.observed import Observed
from solver.spec.problems import ImageTensor, MatrixCompletion, MatrixProblem, Problem, TensorProblem


class DeepMatrixFactorization(ModelKind, frozen=True, tag_field="kind", tag="deep-matrix-factorization"):
    """The end matrix W = W_N … W_1 of a linear network of depth N; layer j maps width j−1 to width j."""

    FITS: ClassVar[tuple[type[Settings], ...]] = kinds_of(MatrixProblem)
    HAS_HESSIAN: ClassVar[bool] = True

    depth: Annotated[int, Meta(ge=1, le=32)] = 3
    """Number of layers N; 1 trains the matrix itself."""
    hidden_width: Dimension | None = None
    """Width of the hidden layers; the smaller dimension of the problem, so that the width never limits the rank."""
    init: Literal["gaussian", "identity", "orthogonal", "balanced"] = "gaussian"
    """How the layers start: independent Gaussian, multiples of the identity, orthogonal, or balanced (A19 §3)."""
    init_scale: Positive = 1e-3
    """Scale of the end matrix at the start: a Gaussian layer has standard deviation init_scale^(1/N)/sqrt(width)."""
    layer_scales: Annotated[tuple[Positive, ...], Meta(min_length=1, max_length=32)] | None = None
    """Factors that the layers W_1 … W_N are multiplied by at the start; the end matrix changes by their product."""
    unbalancedness: Positive | None = None
    """How large ‖W_{j+1}ᵀ W_{j+1} − W_j W_jᵀ‖_F is made at the start, by enlarging W_1 and reducing W_N."""
    det_sign: Literal["any", "positive", "negative"] = "any"
    """Sign of the end matrix's determinant at the start (square problems); one layer is reflected to make it so.

    Of R20's counterexample in another shape the sign of the leading square block's, beside which the start is zero.
    """

    def widths(self, shape: tuple[int, ...]) -> list[int]:
        """Widths from the columns of the end matrix to its rows, layer by layer."""
        hidden = min(shape) if self.hidden_width is None else self.hidden_width
        return [shape[1], *[hidden] * (self.depth - 1), shape[0]]

    def starts_in_block(self, shape: tuple[int, ...]) -> bool:
        """Whether the end matrix starts at zero outside its leading square block; a square one has no outside.

        Where the data are zero there too, as in R20's counterexample, its gradient vanishes there and it stays so: the
        block is trained as a square matrix is. Any other start leads round the block's singular matrices.
        """
        return shape[0] == shape[1] or self.init == "identity" or self.det_sign != "any"

    @property
    def start_scale(self) -> tuple[str, float]:
        return "init_scale", self.init_scale

    def n_factors(self, problem: Problem) -> int:  # noqa: ARG002
        return self.depth

    def check_with(self, problem: Problem) -> None:
        if self.layer_scales is not None and len(self.layer_scales) != self.depth:
            raise ValueError(
                f"model.layer_scales has {len(self.layer_scales)} values, and model.depth is {self.depth}: give one "
                "for each layer, W_1 first"
            )
        if self.unbalancedness is not None and self.depth == 1:
            raise ValueError(
                "model.unbalancedness is between neighbouring layers, and model.depth is 1: take 2 or more"
            )
        shape = problem.known_shape
        if self.det_sign == "any" or shape is None:
            return
        is_counterexample = isinstance(problem, MatrixCompletion) and problem.is_counterexample
        if shape[0] != shape[1] and not is_counterexample:
            raise ValueError(
                f"model.det_sign needs a square matrix, or R20's entries (all but the first), and problem.shape is "
                f'{shape[0]} × {shape[1]}: make the shape square, or set model.det_sign = "any"'
            )
        if self.hidden_width is not None and self.hidden_width < min(shape):
            raise ValueError(
                f"model.det_sign is {self.det_sign}, but model.hidden_width {self.hidden_width} makes the "
                f"determinant zero: make the width at least {min(shape)}"
            )


class SymmetricMatrixFactorization(ModelKind, frozen=True, tag_field="kind", tag="symmetric-matrix-factorization"):
    """A positive semidefinite matrix W = UUᵀ: a factorization of depth 2 whose layers are one (G17)."""

    FITS: ClassVar[tuple[type[Settings], ...]] = kinds_of(MatrixProblem)
    HAS_HESSIAN: ClassVar[bool] = True
    GOES_WITH: ClassVar[dict[str, Any]] = {"symmetric": True}

    width: Dimension | None = None
    """Columns of U; as many as the matrix has, so that the width never limits the rank."""
    init: Literal["identity", "gaussian"] = "identity"
    """How U starts: a multiple of the identity (G17), or independent Gaussian entries."""
    init_scale: Positive = 1e-3
    """Scale α of W at the start: U is sqrt(α) times the identity, or has standard deviation sqrt(α/width)."""

    def resolved_width(self, shape: tuple[int, ...]) -> int:
        """Columns of U for a problem of this shape."""
        return shape[0] if self.width is None else self.width

    @property
    def start_scale(self) -> tuple[str, float]:
        return "init_scale", self.init_scale

    def n_factors(self, problem: Problem) -> int:  # noqa: ARG002
        return 2

    def law_factor(self, problem: Problem) -> int:  # noqa: ARG002
        """The step of U moves both factors: dσ/dt = 4σγ, with γ = −uᵀ ∇ℓ(W) u."""
        return 4

    def check_with(self, problem: Problem) -> None:
        shape = problem.known_shape
        if shape is not None and shape[0] != shape[1]:
            raise ValueError(
                f"model.kind symmetric-matrix-factorization needs a square matrix, and problem.shape is {shape[0]} × "
                f"{shape[1]}: make the shape square"
            )
        if isinstance(problem, Observed) and problem.is_random and not problem.is_symmetric:
            raise ValueError(
                "model.kind symmetric-matrix-factorization trains UUᵀ, which no ground truth equals that is drawn "
                "without symmetry: set problem.symmetric = true"
            )


class CP(ModelKind, frozen=True, tag_field="kind", tag="cp"):
    """A tensor as a sum of R components, each the outer product of one vector a mode (R21)."""

    FITS: ClassVar[tuple[type[Settings], ...]] = (*kinds_of(TensorProblem), ImageTensor)
    HAS_HESSIAN: ClassVar[bool] = False

    components: Annotated[int, Meta(ge=1, le=20_000)] = 10
    """Number of components R."""
    init_mean: Finite = 0.0
    """Mean of a factor's entries at the start; 1 for images, whose components are products of 784 factors."""
    init_std: Positive = 1e-2
    """Standard deviation of a factor's entries at the start (of each factor, not of the product)."""
    mode_scales: Annotated[tuple[Positive, ...], Meta(min_length=2, max_length=16)] | None = None
    """Factors that the vectors of each mode are multiplied by at the start; components change by their product."""
    unbalancedness: Positive | None = None
    """How large |‖w_r^n‖² − ‖w_r^m‖²| is made at the start, by enlarging the first mode and reducing the second."""
    balanced: bool = False
    """Whether the vectors of a component start with equal norms, their product kept (the premise of R21 Theorem 1)."""
    planted: bool = False
    """Whether the component best aligned with −∇L(0) starts enlarged until it meets R21's escape condition."""

    @property
    def start_scale(self) -> tuple[str, float]:
        return "init_std", self.init_std

    def n_factors(self, problem: Problem) -> int:
        return problem.n_modes

    def check_with(self, problem: Problem) -> None:
        if isinstance(problem, ImageTensor) and problem.pixels == "grey":
            raise ValueError(
                "model.kind cp indexes a tensor by pixels that are on or off, and problem.pixels is grey: set it to "
                "one-bit, or take model.kind autoencoder"
            )
        if self.mode_scales is not None and len(self.mode_scales) != problem.n_modes:
            raise ValueError(
                f"model.mode_scales has {len(self.mode_scales)} values, and the tensor has {problem.n_modes} modes: "
                "give one for each"
            )
        if (self.mode_scales is not None or self.unbalancedness is not None) and problem.known_shape is None:
            name = "mode_scales" if self.mode_scales is not None else "unbalancedness"
            raise ValueError(f"model.{name} is for tensors that are observed, not for images: leave it out")
        if self.planted and (problem.known_shape is None or not self.balanced):
            raise ValueError("model.planted needs a tensor and model.balanced, as the proposition does: set balanced")


class HierarchicalTucker(ModelKind, frozen=True, tag_field="kind", tag="ht"):
    """A tensor in hierarchical Tucker form, which its authors call a hierarchical tensor factorization (R22).

    A matrix at each leaf of a mode tree; a node above takes the entrywise product of what its children give, and
    multiplies by a matrix of its own; the root by a vector. With one pooling of all modes it is CP with weights.
    """

    FITS: ClassVar[tuple[type[Settings], ...]] = kinds_of(TensorProblem)
    HAS_HESSIAN: ClassVar[bool] = False

    width: Dimension = 32
    """Local components of each node above the leaves."""
    widths: Annotated[tuple[Dimension, ...], Meta(min_length=1, max_length=3)] | None = None
    """The same level by level, from the leaves up; replaces width."""
    pooling: Annotated[int, Meta(ge=2, le=8)] = 2
    """How many nodes are joined into one at each level; 2 halves the modes, as many as there are join them at once."""
    pattern: Literal["neighbours", "interleaved"] = "neighbours"
    """Which modes are joined first: neighbours, or those far apart, as 1 and 3 of four."""
    init_std: Positive = 3e-2
    """Standard deviation of the Gaussian entries of every weight at the start."""
    balanced: bool = False
    """Whether the vectors of every local component start with equal norms, the end tensor kept (the premise of R22)."""

    def tree(self, problem: Problem) -> ModeTree:
        """The mode tree over the problem's modes."""
        return mode_tree(problem.n_modes, self.pooling, self.pattern)

    def level_widths(self, problem: Problem) -> tuple[int, ...]:
        """Local components of a node of each level, from the leaves up."""
        return (self.width,) * self.tree(problem).n_levels if self.widths is None else self.widths

    @property
    def start_scale(self) -> tuple[str, float]:
        return "init_std", self.init_std

    def n_factors(self, problem: Problem) -> int:
        """L of R22's law: a local component is a vector of each child and one of the node itself; of the root's."""
        return len(self.tree(problem).nodes[0].children) + 1

    def has_one_law(self, problem: Problem) -> bool:
        tree = self.tree(problem)
        return len({len(tree.nodes[place].children) for place in tree.interior}) == 1

    def check_with(self, problem: Problem) -> None:
        n_levels = self.tree(problem).n_levels
        if self.widths is not None and len(self.widths) != n_levels:
            raise ValueError(
                f"model.widths has {len(self.widths)} values, and the mode tree of {problem.n_modes} modes has "
                f"{n_levels} level{'' if n_levels == 1 else 's'} above its leaves: give one for each, from the leaves "
                "up, or width for all"
            )


Model = DeepMatrixFactorization | SymmetricMatrixFactorization | CP | HierarchicalTucker | Autoencoder
check_kinds(Model)
MODELS = cast("tuple[type[ModelKind], ...]", kinds_of(Model))
