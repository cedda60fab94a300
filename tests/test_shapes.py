"""Annotations are executed: a wrong shape is found wherever it first comes up, however many right ones came before."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from jaxtyping import Float, TypeCheckError
from torch import Tensor

from tests.shapes import executed


def test_the_solvers_are() -> None:
    from solver.numerics.problems.losses import loss_of

    with pytest.raises(TypeCheckError):
        loss_of("no problems", torch.float64, torch.device("cpu"))  # type: ignore[arg-type]


def test_an_argument_of_another_shape_type_or_name_is_checked_after_right_ones() -> None:
    @executed
    def product(a: Float[Tensor, "rows n"], b: Float[Tensor, "n columns"]) -> Float[Tensor, "rows columns"]:
        return a @ b if a.shape[1] == b.shape[0] else torch.zeros(a.shape[0], b.shape[1])

    a, b = torch.zeros(2, 3), torch.zeros(3, 4)
    for _ in range(3):
        product(a, b)
        product(a, b=b)
    for wrong in (a, b.int(), b[None], 1.0):
        with pytest.raises(TypeCheckError):
            product(a, wrong)
        with pytest.raises(TypeCheckError):
            product(a, b=wrong)
    product(a, b)


def test_a_result_is_checked_that_is_new_to_known_arguments() -> None:
    results = [torch.zeros(2), torch.zeros(2), torch.zeros(3), torch.zeros(2), 1.0]

    @executed
    def next_of(length: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        result: Any = results.pop(0)
        return result  # type: ignore[no-any-return]

    for is_right in (True, True, False, True, False):
        if is_right:
            next_of(torch.zeros(2))
        else:
            with pytest.raises(TypeCheckError):
                next_of(torch.zeros(2))


def test_a_nested_function_that_is_made_again_keeps_its_own_names() -> None:
    def made(factor: int) -> Callable[..., Any]:
        @executed
        def inner(n: int, deeper: bool = False) -> int:
            return inner(n) if deeper else factor * n

        made_again: Callable[..., Any] = inner
        return made_again

    assert [made(factor)(2, deeper) for factor in (1, 2) for deeper in (True, False)] == [2, 2, 4, 4]
    with pytest.raises(TypeCheckError):
        made(3)("2")
    assert made(3)(2, True) == 6


def test_containers_are_known_by_what_is_in_them() -> None:
    @executed
    def total(values: list[float]) -> float:
        return sum(value for value in values if not isinstance(value, str))

    random.seed(0)
    for values in ([1.0], [1.0, 2.0], [], [1.0, 2], [1, 2]):
        total(values)
    with pytest.raises(TypeCheckError):
        total(["1"])
    # One of them is checked, by chance, every time.
    for mixed in ([1.0, "1"], [1.0, "2"]):
        with pytest.raises(TypeCheckError):
            any(total(mixed) < 0 for _ in range(100))
