"""Initial layers of a deep matrix factorization."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

from solver.numerics.lanes.balance import stretch, unbalancedness
from solver.numerics.orthonormal import orthonormal
from solver.spec import DeepMatrixFactorization

Array = npt.NDArray[np.float64]


def layers(model: DeepMatrixFactorization, shape: tuple[int, ...], generator: np.random.Generator) -> list[Array]:
    """W_1 … W_N, each (outputs, inputs), at the start of a lane.

    With α = init_scale and depth N: gaussian entries have standard deviation α^(1/N)/sqrt(inputs); identity is the
    rectangular identity times α^(1/N); orthogonal layers have orthonormal rows or columns times α^(1/N); balanced draws
    the end matrix with entries of standard deviation α/sqrt(inputs) and splits its singular values evenly (A19 §3).
    Then each is multiplied by its layer scale, and W_1 by c and W_N by 1/c so that unbalancedness is what was asked.
    Where a determinant's sign is asked of a matrix that is not square, its leading square block is drawn, and what is
    beside it starts at zero.
    """
    if model.det_sign != "any" and shape[0] != shape[1]:
        block = min(shape)
        return _padded(layers(model, (block, block), generator), shape)
    sizes = model.widths(shape)
    scale = model.init_scale ** (1.0 / model.depth)
    pairs = list(zip(sizes[1:], sizes, strict=False))
    if model.init == "gaussian":
        result = [scale / np.sqrt(inputs) * generator.standard_normal((outputs, inputs)) for outputs, inputs in pairs]
    elif model.init == "identity":
        result = [scale * np.eye(outputs, inputs) for outputs, inputs in pairs]
    elif model.init == "orthogonal":
        result = [scale * _orthogonal(outputs, inputs, generator) for outputs, inputs in pairs]
    else:
        result = _balanced(model, sizes, generator)
    if model.layer_scales is not None:
        result = [factor * layer for factor, layer in zip(model.layer_scales, result, strict=True)]
    if model.unbalancedness is not None:
        c = stretch(model.unbalancedness, lambda c: unbalancedness(list(map(torch.from_numpy, _stretched(result, c)))))
        result = _stretched(result, c)
    return _with_det_sign(result, model.det_sign)


def _stretched(layers: list[Array], c: float) -> list[Array]:
    return [c * layers[0], *layers[1:-1], layers[-1] / c]


def _padded(block: list[Array], shape: tuple[int, ...]) -> list[Array]:
    """The layers of an end matrix of this shape whose leading block is theirs and whose other entries are zero."""
    rows, columns = shape
    first = np.pad(block[0], ((0, 0), (0, columns - block[0].shape[1])))
    result = [first, *block[1:]]
    result[-1] = np.pad(result[-1], ((0, rows - result[-1].shape[0]), (0, 0)))
    return result


def _orthogonal(outputs: int, inputs: int, generator: np.random.Generator) -> Array:
    tall = orthonormal(max(outputs, inputs), min(outputs, inputs), generator)
    return tall if outputs >= inputs else tall.T


def _balanced(model: DeepMatrixFactorization, sizes: list[int], generator: np.random.Generator) -> list[Array]:
    rows, columns = sizes[-1], sizes[0]
    end_matrix = model.init_scale / np.sqrt(columns) * generator.standard_normal((rows, columns))
    if model.depth == 1:
        return [end_matrix]
    u, singular_values, vt = np.linalg.svd(end_matrix, full_matrices=False)
    # A hidden width below the smaller dimension keeps the largest singular values: the rank it can carry.
    r = min(len(singular_values), sizes[1])
    root = singular_values[:r] ** (1.0 / model.depth)
    first = np.zeros((sizes[1], columns))
    first[:r] = root[:, None] * vt[:r]
    last = np.zeros((rows, sizes[-2]))
    last[:, :r] = u[:, :r] * root
    middle = []
    for _ in range(model.depth - 2):
        layer = np.zeros((sizes[1], sizes[1]))
        layer[range(r), range(r)] = root
        middle.append(layer)
    return [first, *middle, last]


def _with_det_sign(result: list[Array], det_sign: str) -> list[Array]:
    if det_sign == "any":
        return result
    if all(layer.shape[0] == layer.shape[1] for layer in result):
        # Layer by layer: the product of many is singular to rounding, and its sign noise.
        sign = math.prod(float(np.linalg.slogdet(layer)[0]) for layer in result)
    else:
        product = result[0]
        for layer in result[1:]:
            # Normalised at every product, so that a small scale to a high power does not underflow.
            product = layer @ product
            product = product / np.abs(product).max()
        sign = float(np.linalg.slogdet(product)[0])
    wanted = 1.0 if det_sign == "positive" else -1.0
    if sign != wanted:
        # Reflecting the outputs of the last layer leaves W_Nᵀ W_N, hence the balance, as it was.
        result[-1][0] *= -1.0
    return result
