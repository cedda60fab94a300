"""From lanes to the method that trains them: objective, loss and starting point."""

from __future__ import annotations

import math

import torch

from solver.numerics.lanes.images import ImageLane
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.lanes.matrix import MatrixLane
from solver.numerics.lanes.tensor import TensorLane
from solver.numerics.methods.adam import FullBatchAdam
from solver.numerics.methods.flow import Flow
from solver.numerics.methods.gradient_descent import Descent
from solver.numerics.methods.group_rmsprop import GroupedRMSprop
from solver.numerics.methods.image_adam import ImageAdam
from solver.numerics.methods.method import Method
from solver.numerics.models.cp import Components
from solver.numerics.models.layers import Layers
from solver.numerics.models.objective import Objective
from solver.numerics.problems.losses import loss_of
from solver.spec import Adam, GradientDescent, GradientFlow, GroupRMSprop


def method_of(runs: list[LaneRun], dtype: torch.dtype, device: torch.device) -> Method:
    """The method on the lanes' objective, at their starts."""
    spec, starts = runs[0].lane.spec, [run.start() for run in runs]
    optimizer = spec.optimizer
    images = [run.problem for run in runs if isinstance(run, ImageLane)]
    if images:
        assert isinstance(optimizer, Adam)
        return ImageAdam(images, starts, optimizer, dtype, device)
    objective, start = _objective(runs, dtype, device), torch.stack(starts).to(dtype)
    if isinstance(optimizer, GradientFlow):
        return Flow(objective, start, optimizer, spec.stop.max_time or math.inf)
    if isinstance(optimizer, GradientDescent):
        return Descent(objective, start, optimizer)
    if isinstance(optimizer, GroupRMSprop):
        return GroupedRMSprop(objective, start, optimizer)
    return FullBatchAdam(objective, start, optimizer)


def _objective(runs: list[LaneRun], dtype: torch.dtype, device: torch.device) -> Objective:
    problems = [run.problem for run in runs if isinstance(run, MatrixLane | TensorLane)]
    loss, first = loss_of(problems, dtype, device), runs[0]
    if isinstance(first, MatrixLane):
        return Layers(first.widths, loss, len(runs), dtype, device)
    assert isinstance(first, TensorLane)
    return Components(first.problem.shape, first.model.components, loss, len(runs), dtype, device)
