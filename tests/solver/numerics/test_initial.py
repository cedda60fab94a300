"""Initial layers: their scale, their balance and the sign of their determinant."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from solver.numerics.lanes import deep_matrix_factorization_start as initial
from solver.numerics.streams import stream
from solver.spec import DeepMatrixFactorization


def made(shape: tuple[int, int], **fields: object) -> list[np.ndarray]:
    model = DeepMatrixFactorization(**fields)  # type: ignore[arg-type]
    return initial.layers(model, shape, stream(0, "initialisation"))


def product(layers: list[np.ndarray]) -> np.ndarray:
    result = layers[0]
    for layer in layers[1:]:
        result = layer @ result
    return result


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_identity_layers_multiply_to_the_scale_times_the_identity(depth: int) -> None:
    layers = made((4, 6), depth=depth, init="identity", init_scale=1e-3)
    np.testing.assert_allclose(product(layers), 1e-3 * np.eye(4, 6), atol=1e-18)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_orthogonal_layers_multiply_to_the_scale_times_an_isometry(depth: int) -> None:
    matrix = product(made((6, 6), depth=depth, init="orthogonal", init_scale=0.01))
    np.testing.assert_allclose(np.linalg.svd(matrix, compute_uv=False), 0.01, rtol=1e-12)


def test_gaussian_layers_have_the_papers_standard_deviation() -> None:
    """α^(1/N)/sqrt(input width): A19 for square layers, and the input width where layers are not."""
    layers = made((300, 200), depth=3, hidden_width=250, init_scale=1e-3)
    assert [layer.shape for layer in layers] == [(250, 200), (250, 250), (300, 250)]
    for layer in layers:
        assert layer.std() == pytest.approx(0.1 / np.sqrt(layer.shape[1]), rel=0.02)


@pytest.mark.parametrize(("shape", "hidden"), [((5, 5), None), ((4, 7), None), ((7, 4), 9), ((6, 6), 2)])
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_balanced_layers_are_balanced_and_multiply_to_their_draw(
    shape: tuple[int, int], hidden: int | None, depth: int
) -> None:
    layers = made(shape, depth=depth, hidden_width=hidden, init="balanced", init_scale=0.5)
    for below, above in itertools.pairwise(layers):
        np.testing.assert_allclose(above.T @ above, below @ below.T, atol=1e-12)
    drawn = made(shape, depth=1, init="balanced", init_scale=0.5)[0]
    if hidden is None or hidden >= min(shape):
        np.testing.assert_allclose(product(layers), drawn, atol=1e-12)
    else:
        expected = np.linalg.svd(drawn, compute_uv=False)[:hidden]
        np.testing.assert_allclose(np.linalg.svd(product(layers), compute_uv=False)[:hidden], expected, rtol=1e-9)


@pytest.mark.parametrize("init", ["gaussian", "identity", "orthogonal", "balanced"])
@pytest.mark.parametrize(("word", "sign"), [("positive", 1.0), ("negative", -1.0)])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_the_determinant_starts_with_the_sign_asked_for(init: str, word: str, sign: float, depth: int) -> None:
    for seed in range(4):
        model = DeepMatrixFactorization(depth=depth, init=init, det_sign=word, init_scale=1e-2)  # type: ignore[arg-type]
        layers = initial.layers(model, (5, 5), stream(seed, "initialisation"))
        assert np.prod([np.linalg.slogdet(layer)[0] for layer in layers]) == sign


@pytest.mark.parametrize("depth", [16, 32])
def test_the_sign_of_a_product_singular_to_rounding_is_still_right(depth: int) -> None:
    """The layers' signs are exact where the product's determinant is noise."""
    for seed in range(6):
        model = DeepMatrixFactorization(depth=depth, det_sign="positive")
        layers = initial.layers(model, (12, 12), stream(seed, "initialisation"))
        assert np.prod([np.linalg.slogdet(layer)[0] for layer in layers]) == 1.0


def test_reflecting_keeps_the_balance() -> None:
    layers = made((5, 5), depth=3, init="balanced", init_scale=0.5, det_sign="negative")
    for below, above in itertools.pairwise(layers):
        np.testing.assert_allclose(above.T @ above, below @ below.T, atol=1e-12)


@pytest.mark.parametrize("init", ["gaussian", "identity", "orthogonal", "balanced"])
@pytest.mark.parametrize(("shape", "depth"), [((3, 7), 3), ((7, 3), 3), ((3, 7), 1), ((7, 3), 2)])
def test_a_sign_asked_of_a_matrix_that_is_not_square_is_its_block_s_and_the_rest_is_zero(
    init: str, shape: tuple[int, int], depth: int
) -> None:
    """The block is drawn as a square matrix is, so its balance and scale are those of one."""
    for sign in ("positive", "negative"):
        layers = made(shape, depth=depth, init=init, init_scale=0.1, det_sign=sign)
        block = made((3, 3), depth=depth, init=init, init_scale=0.1, det_sign=sign)
        end = product(layers)
        assert end.shape == shape
        np.testing.assert_allclose(end[:3, :3], product(block), atol=1e-15)
        assert np.sign(np.linalg.det(end[:3, :3])) == (1.0 if sign == "positive" else -1.0)
        assert not end[3:].any()
        assert not end[:, 3:].any()
