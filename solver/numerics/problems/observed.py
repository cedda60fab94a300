"""Completion and sensing: a ground truth of low rank, and what is observed of it."""

from __future__ import annotations

import dataclasses
import math
import string
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from solver import biases, data_files, matrix_file
from solver.biases import Biases
from solver.costs.thin import is_sparse
from solver.numerics.lanczos import spectral_norm
from solver.numerics.orthonormal import orthonormal
from solver.numerics.problems import masks
from solver.numerics.problems.drawn import Arrays, DrawnProblem
from solver.numerics.problems.given import Given
from solver.numerics.streams import stream
from solver.spec import (
    Completion,
    GradientDescent,
    MatrixCompletion,
    MatrixProblem,
    RunSpec,
    TensorProblem,
    TensorTruth,
)
from solver.spec.mode_tree import mode_tree

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

# Products with a vector are as cheap as any.
_NARROW = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class ObservedProblem(DrawnProblem):
    """Observed entries or measurements of a matrix or tensor; ``ground_truth`` is None where only entries are given."""

    shape: tuple[int, ...]
    loss: str
    """``mean``, ``half-sum`` or ``huber``."""
    huber_delta: float
    ground_truth: Array | None
    indices: Indices | None
    """(observations, modes): the observed entries; None where measurements are observed."""
    measurements: Array | None
    """(observations, entries): the measurement matrices or tensors, row by row; None for completion."""
    values: Array
    """Observed values, noise included."""
    given: Given | None = None
    """What a file says, in its own unit; its values and those held out are without their centre here."""

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.shape

    @classmethod
    def draw(cls, spec: MatrixProblem | TensorProblem, seed: int) -> ObservedProblem:
        return observed_problem(spec, seed)

    @classmethod
    def restore(cls, spec: MatrixProblem | TensorProblem, seed: int, kept: Arrays) -> ObservedProblem:
        if "test_values" in kept and isinstance(spec, Completion) and spec.file is not None:
            return _of_given(spec, tuple(kept["shape"].tolist()), Given.kept(kept))
        found: dict[str, Any] = {name: kept.get(name) for name in ("ground_truth", "indices", "values")}
        return cls(
            shape=tuple(kept["shape"].tolist()),
            loss=spec.loss,
            huber_delta=spec.huber_delta,
            measurements=sensing_measurements(spec, seed) if spec.IS_SENSING else None,
            **found,
        )

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Without measurements, which the seed draws again."""
        found: dict[str, npt.NDArray[np.generic]] = {"shape": np.array(self.shape, dtype=np.int64)}
        if self.given is not None:
            return found | self.given.arrays()
        found["values"] = self.values
        if self.ground_truth is not None:
            found["ground_truth"] = self.ground_truth
        if self.indices is not None:
            found["indices"] = np.ascontiguousarray(self.indices)
        return found

    @property
    def loss_coefficient(self) -> float:
        """The loss is this times the sum of squared residuals (Huber: where the residuals are below the threshold)."""
        n = len(self.values)
        return {"mean": 1.0 / n, "half-sum": 0.5, "huber": 0.5 / n}[self.loss]

    @property
    def zero_loss(self) -> float:
        return self.loss_coefficient * float(self.values @ self.values)

    @property
    def flat_indices(self) -> Indices:
        """The observed entries counted row by row."""
        assert self.indices is not None, "measurements are observed, not entries"
        flat: Indices = np.ravel_multi_index(tuple(self.indices.T), self.shape).astype(np.int64)
        return flat

    def sharpness(self, n_factors: int, law_factor: int | None = None) -> float:
        """λ_max of the Hessian over balanced factors at a solution of low rank, by rough count.

        N σ_1^(2−2/N), or another factor of the law in the place of N, times what the loss has of the squared distance
        of end matrices (or tensors); σ_1 is that of what was observed, carried back and scaled up as if it were evenly
        spread.
        """
        n = len(self.values)
        # Of |W|² the measurements see so much: all entries alike, or Gaussian ones each all of it. Of some matrices few
        # Gaussian ones see more (Marchenko and Pastur's edge).
        n_entries = math.prod(self.shape)
        seen = float(n) if self.measurements is not None else n / n_entries
        most = seen * (1.0 + math.sqrt(n_entries / n)) ** 2 if self.measurements is not None else seen
        largest = self._largest_back(self.values) / seen
        return float(
            2.0 * self.loss_coefficient * most * (law_factor or n_factors) * largest ** (2.0 - 2.0 / n_factors)
        )

    def observe(self, end: Array) -> Array:
        """What would be observed of ``end``."""
        if self.measurements is not None:
            return self.measurements @ end.reshape(-1)
        return end.reshape(-1)[self.flat_indices]

    def back(self, residuals: Array) -> Array:
        """Σ residual · measurement, in the problem's shape: the adjoint of ``observe``."""
        if self.measurements is not None:
            return (self.measurements.T @ residuals).reshape(self.shape)
        result = np.zeros(math.prod(self.shape))
        result[self.flat_indices] = residuals
        return result.reshape(self.shape)

    def _largest_back(self, residuals: Array) -> float:
        """The spectral norm of ``back(residuals)``; of a tensor its Frobenius norm.

        Of few entries of a large matrix by products with it, which is never made.
        """
        if len(self.shape) > 2 or self.indices is None or not is_sparse(self.shape, _NARROW, len(residuals)):
            back = self.back(residuals)
            return float(np.linalg.norm(back, 2) if back.ndim == 2 else np.linalg.norm(back))
        (rows, columns), (n_rows, n_columns) = self.indices.T, self.shape

        def times(right: Array) -> Array:
            product: Array = np.bincount(rows, residuals * right[columns], n_rows).astype(np.float64, copy=False)
            return product

        def transposed_times(left: Array) -> Array:
            product: Array = np.bincount(columns, residuals * left[rows], n_columns).astype(np.float64, copy=False)
            return product

        return spectral_norm(times, transposed_times, n_columns)

    def _residuals_at_zero(self) -> Array:
        """Of the zero matrix or tensor, as the loss clips them."""
        return np.clip(-self.values, -self.huber_delta, self.huber_delta) if self.loss == "huber" else -self.values

    def gradient_at_zero(self) -> Array:
        """∇ℓ(0) in the end matrix or tensor."""
        return 2.0 * self.loss_coefficient * self.back(self._residuals_at_zero())

    def norm_of_gradient_at_zero(self) -> float:
        """‖∇ℓ(0)‖_2 of a matrix."""
        return 2.0 * self.loss_coefficient * self._largest_back(self._residuals_at_zero())


def observed_problem(spec: MatrixProblem | TensorProblem, seed: int) -> ObservedProblem:
    """The problem that ``spec`` and ``seed`` determine. Raises BadSetting where a file cannot be read."""
    if isinstance(spec, Completion) and spec.file is not None:
        return _from_file(spec, seed)
    if isinstance(spec, Completion) and spec.entries is not None:
        return ObservedProblem(
            shape=spec.resolved_shape,
            loss=spec.loss,
            huber_delta=spec.huber_delta,
            ground_truth=None,
            indices=np.array([[int(index) for index in entry[:-1]] for entry in spec.entries], dtype=np.int64),
            measurements=None,
            values=np.array([entry[-1] for entry in spec.entries], dtype=np.float64),
        )
    ground_truth = ground_truth_of(spec, seed)
    shape = spec.resolved_shape
    indices = measurements = None
    if isinstance(spec, Completion):
        chosen = _chosen(spec, ground_truth.size, stream(seed, "observed entries"))
        values = ground_truth.reshape(-1)[chosen]
        indices = np.stack(np.unravel_index(chosen, shape), axis=1).astype(np.int64)
    else:
        measurements = sensing_measurements(spec, seed)
        values = measurements @ ground_truth.reshape(-1)
    if spec.noise:
        noise = stream(seed, "noise").standard_normal(len(values))
        if isinstance(spec, MatrixCompletion) and spec.mask == "symmetric":
            assert indices is not None
            noise = masks.mirrored(noise, indices)
        values = values + spec.noise * noise
    return ObservedProblem(
        shape=shape,
        loss=spec.loss,
        huber_delta=spec.huber_delta,
        ground_truth=ground_truth,
        indices=indices,
        measurements=measurements,
        values=values,
    )


def _chosen(spec: Completion, n_entries: int, generator: np.random.Generator) -> Indices:
    """(observations,): the observed entries, counted row by row."""
    if isinstance(spec, MatrixCompletion) and not spec.is_uniform:
        return masks.masked(spec, generator)
    # A prefix of one permutation: a problem with fewer observations observes a subset of the same entries.
    return generator.permutation(n_entries)[: spec.resolved_observations]


def sensing_measurements(spec: MatrixProblem | TensorProblem, seed: int) -> Array:
    """(observations, entries): independent Gaussian entries of variance 1 over the number of entries.

    So a measurement of a matrix is of the size of one of its entries, and the losses of sensing and completion can be
    compared. Fewer measurements are a prefix of more.
    """
    entries = math.prod(spec.resolved_shape)
    drawn = stream(seed, "observed entries").standard_normal((spec.resolved_observations, entries))
    return drawn / math.sqrt(entries)


def ground_truth_of(spec: MatrixProblem | TensorProblem, seed: int) -> Array:
    """A sum of rank-1 terms with Gaussian factors, or a tensor in hierarchical Tucker form, scaled to its Frobenius
    norm; or a matrix of chosen singular values.

    The singular vectors of the latter are orthonormal and uniformly distributed, the same whatever the values are. One
    that is read from a file needs no seed. Raises BadSetting where the file cannot be read, or has another shape.
    """
    if spec.truth_file is not None:
        return np.array(matrix_file.of_shape(Path(spec.truth_file), spec.shape).values).reshape(spec.resolved_shape)
    shape, generator = spec.resolved_shape, stream(seed, "ground truth")
    spectrum = spec.resolved_spectrum
    if spec.is_symmetric:
        return _symmetric(spec, generator)
    if spectrum is not None:
        left, right = (orthonormal(size, len(spectrum), generator) for size in shape)
        return np.ascontiguousarray((left * np.array(spectrum)) @ right.T)
    if isinstance(spec, TensorTruth) and spec.ht_rank is not None:
        return _scaled(_hierarchical(shape, spec.ht_rank, generator), spec)
    factors = [generator.standard_normal((size, spec.resolved_rank)) for size in shape]
    if len(factors) == 2:
        ground_truth = factors[0] @ factors[1].T
    else:
        modes = string.ascii_lowercase[: len(shape)]
        ground_truth = np.einsum(",".join(f"{mode}z" for mode in modes) + "->" + modes, *factors, optimize=True)
    return _scaled(ground_truth, spec)


def _scaled(ground_truth: Array, spec: MatrixProblem | TensorProblem) -> Array:
    """To its Frobenius norm."""
    scaled: Array = np.ascontiguousarray(ground_truth * (spec.resolved_frobenius_norm / np.linalg.norm(ground_truth)))
    return scaled


def _hierarchical(shape: tuple[int, ...], widths: tuple[int, ...], generator: np.random.Generator) -> Array:
    """A tensor in hierarchical Tucker form with Gaussian weights, over the tree that halves the modes (R22)."""
    tree = mode_tree(len(shape), 2)
    weights = [generator.standard_normal(sizes) for sizes in tree.shapes(shape, widths)]

    def given(place: int) -> Array:
        """(entries over the modes below, width of the parent)."""
        children = tree.nodes[place].children
        if not children:
            return weights[place]
        product = given(children[0])
        for child in children[1:]:
            product = (product[:, None] * given(child)).reshape(-1, product.shape[1])
        return product @ weights[place]

    return given(0).reshape(shape)


def _symmetric(spec: MatrixProblem | TensorProblem, generator: np.random.Generator) -> Array:
    """UUᵀ, U Gaussian or of orthonormal columns times the roots of the chosen values; symmetric to the last bit."""
    size, spectrum = spec.resolved_shape[0], spec.resolved_spectrum
    if spectrum is None:
        factor = generator.standard_normal((size, spec.resolved_rank))
        factor = factor * math.sqrt(spec.resolved_frobenius_norm / np.linalg.norm(factor.T @ factor))
    else:
        factor = orthonormal(size, len(spectrum), generator) * np.sqrt(spectrum)
    product = factor @ factor.T
    return 0.5 * (product + product.T)


def _from_file(spec: Completion, seed: int) -> ObservedProblem:
    """Training, validation and test entries by the seed; what ``centre`` says is learned of the first alone."""
    found = data_files.table(spec)
    indices = np.stack([np.array(column, dtype=np.int64) for column in found.indices], axis=1)
    values = np.array(found.values, dtype=np.float64)
    order = stream(seed, "observed entries").permutation(len(values))
    n_test, n_validation = data_files.held_out(len(values), spec)
    mirrored = _mirrored(indices, values, found.shape)
    if mirrored is not None:
        # Else the entry across the diagonal would tell what is held out.
        order = _in_pairs(order, mirrored)
        n_test = _after_pair(order, mirrored, n_test)
        n_validation = _after_pair(order, mirrored, n_test + n_validation) - n_test
    test, validation = np.sort(order[:n_test]), np.sort(order[n_test : n_test + n_validation])
    train = np.sort(order[n_test + n_validation :])
    given = Given(
        indices=indices[train],
        values=values[train],
        test_indices=indices[test],
        test_values=values[test],
        validation_indices=indices[validation],
        validation_values=values[validation],
        centre=_centre_of(spec.resolved_centre, indices[train], values[train], found.shape),
        ids=tuple(list(ids) for ids in found.ids),
        names=tuple(found.names),
        value_name=found.value_name,
    )
    return _of_given(spec, found.shape, given)


def _mirrored(indices: Indices, values: Array, shape: tuple[int, ...]) -> Indices | None:
    """The place of each entry's mirror image in a symmetric matrix; None where one has none, or another value."""
    if len(shape) != 2 or shape[0] != shape[1]:
        return None
    rows, columns = indices.T
    flat, mirror = rows * shape[1] + columns, columns * shape[1] + rows
    by_place = np.argsort(flat)
    found = np.minimum(np.searchsorted(flat[by_place], mirror), len(flat) - 1)
    partner: Indices = by_place[found]
    is_symmetric = np.array_equal(flat[partner], mirror) and np.array_equal(values[partner], values)
    return partner if is_symmetric and bool((rows != columns).any()) else None


def _in_pairs(order: Indices, mirrored: Indices) -> Indices:
    """``order`` with each entry followed by its mirror image."""
    pairs = np.stack([order, mirrored[order]], axis=1).reshape(-1)
    first = np.sort(np.unique(pairs, return_index=True)[1])
    return pairs[first]


def _after_pair(order: Indices, mirrored: Indices, count: int) -> int:
    """``count``, or one more where it would part an entry from its mirror image."""
    return count + int(0 < count < len(order) and mirrored[order[count - 1]] == order[count] != order[count - 1])


def _of_given(spec: Completion, shape: tuple[int, ...], given: Given) -> ObservedProblem:
    return ObservedProblem(
        shape=shape,
        loss=spec.loss,
        huber_delta=spec.huber_delta,
        ground_truth=None,
        indices=given.indices,
        measurements=None,
        values=given.values - given.taken_out(given.indices),
        given=given,
    )


def _centre_of(kind: str, indices: Indices, values: Array, shape: tuple[int, ...]) -> Biases:
    """What is taken out of the values."""
    if kind == "none":
        return Biases(mean=0.0, modes=[array("d") for _ in shape])
    if kind == "mean":
        return biases.constant(values.tolist(), len(shape))
    return biases.additive(indices.T.tolist(), values.tolist(), shape)


# Gradient descent settles below 2/λ; a quarter of that leaves room for the way there.
_SHARE_OF_STABLE = 0.25


def stable_step(problem: ObservedProblem, spec: RunSpec, n_parts: int | None = None) -> float | None:
    """A step of gradient descent that settles at a solution, in one digit; None for other optimizers and losses.

    ``n_parts`` is how many trained parts the end is a product of, where the law counts but some of them.
    """
    if not isinstance(spec.optimizer, GradientDescent) or problem.loss == "huber":
        return None
    model = spec.model
    factor = model.law_factor(spec.problem) if n_parts is None else n_parts
    sharpness = problem.sharpness(n_parts or model.n_factors(spec.problem), factor)
    return float(f"{_SHARE_OF_STABLE * 2.0 / sharpness:.1g}") if 0.0 < sharpness < math.inf else None
