"""What TF32 does to singular values: a GPU's products of float32 numbers rounded to ten bits, emulated on the CPU."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from bench.markdown import table
from bench.steps import matrix_lane
from bench.timing import readable
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.methods.group_rmsprop import GroupRMSpropMethod
from solver.numerics.methods.method import FactorMethod
from solver.spec import DeepMatrixFactorization, GradientFlow, GroupRMSprop, MatrixCompletion

# Bits of a float32's fraction that TF32 drops.
_DROPPED = 13
_STEPS, _MOST_STEPS = 20_000, 2_000
_TARGET = 1e-6


def rounded(values: Tensor) -> Tensor:
    """float32 numbers with ten bits of fraction, to nearest, ties to even."""
    bits = values.contiguous().view(torch.int32)
    half = (1 << (_DROPPED - 1)) - 1
    kept = (bits + half + ((bits >> _DROPPED) & 1)) & ~((1 << _DROPPED) - 1)
    return kept.view(torch.float32)


@contextlib.contextmanager
def emulated() -> Iterator[None]:
    """Products of float32 matrices as TF32 has them: factors rounded, sums in float32."""
    exact = torch.bmm

    def bmm(left: Tensor, right: Tensor, *, out: Tensor | None = None) -> Tensor:
        if left.dtype != torch.float32:
            return exact(left, right, out=out)
        return exact(rounded(left), rounded(right), out=out)

    with mock.patch.object(torch, "bmm", bmm):
        yield


def trained(depth: int, kind: str, precision: str) -> tuple[FactorMethod, Tensor]:
    """A lane to its end, and its singular values there."""
    dtype = torch.float64 if precision == "float64" else torch.float32
    model = DeepMatrixFactorization(depth=depth, init="gaussian", init_scale=1e-3)
    with emulated() if precision == "tf32" else contextlib.nullcontext():
        _, layers, start = matrix_lane(MatrixCompletion(), model, range(1), dtype, torch.device("cpu"))
        method: FactorMethod
        if kind == "flow":
            method, most = GradientFlowMethod(layers, start, GradientFlow(rtol=1e-4)), _MOST_STEPS
        else:
            method, most = GroupRMSpropMethod(layers, start, GroupRMSprop()), _STEPS
        while method.steps[0] < most and _TARGET < method.losses[0] < math.inf:
            method.advance(most, _TARGET)
    end = layers.view(method.factors.flat).parts[0][0].double()
    for layer in layers.view(method.factors.flat).parts[1:]:
        end = layer[0].double() @ end
    values: Tensor = torch.linalg.svdvals(end)
    return method, values


def measured() -> list[dict[str, Any]]:
    """Of each depth and method: steps, loss, and how far the singular values are from those of float64."""
    found = []
    for depth in (2, 3):
        for kind in ("flow", "GroupRMSprop"):
            reference = None
            for precision in ("float64", "float32", "tf32"):
                method, values = trained(depth, kind, precision)
                reference = values if reference is None else reference
                error = ((values - reference).abs().max() / reference[0]).item()
                row = {"depth": depth, "method": kind, "precision": precision}
                found.append(row | {"steps": method.steps[0], "loss": method.losses[0], "sigma_error": error})
    return found


def as_table(found: list[dict[str, Any]]) -> str:
    head = ["100×100, depth", "method", "precision", "steps", "training loss", "σ error, of σ_1"]
    return table(
        head,
        [
            [
                str(one["depth"]),
                one["method"],
                one["precision"],
                f"{one['steps']:,}",
                readable(one["loss"]),
                f"{one['sigma_error']:.1e}" if one["precision"] != "float64" else "",
            ]
            for one in found
        ],
    )
