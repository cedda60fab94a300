"""How it is trained: one method a file, each advancing a batch of lanes; the register of them by optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from solver.kinds import by_kind
from solver.numerics.methods.adam import AdamMethod
from solver.numerics.methods.gradient_descent import GradientDescentMethod
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.methods.group_rmsprop import GroupRMSpropMethod
from solver.numerics.methods.method import Method
from solver.numerics.models.objective import Objective
from solver.spec import Adam, GradientDescent, GradientFlow, GroupRMSprop, Optimizer, RunSpec, Stop

_Maker = Callable[[Objective, Tensor, Any, Stop], Method]


def _flow(objective: Objective, start: Tensor, optimizer: GradientFlow, stop: Stop) -> Method:
    return GradientFlowMethod(objective, start, optimizer, stop.max_time or math.inf)


def _stepping(method: Callable[[Objective, Tensor, Any], Method]) -> _Maker:
    return lambda objective, start, optimizer, _: method(objective, start, optimizer)


_KNOWN: dict[Any, _Maker] = {
    GradientFlow: _flow,
    GradientDescent: _stepping(GradientDescentMethod),
    GroupRMSprop: _stepping(GroupRMSpropMethod),
    Adam: _stepping(AdamMethod),
}
_METHODS = by_kind(Optimizer, _KNOWN)


def method_on(objective: Objective, starts: Sequence[Tensor], spec: RunSpec) -> Method:
    """The method of a spec on an objective, at the starts of its lanes."""
    start = torch.stack(list(starts)).to(objective.dtype)
    return _METHODS[type(spec.optimizer)](objective, start, spec.optimizer, spec.stop)
