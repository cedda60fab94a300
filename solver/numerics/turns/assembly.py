"""From lanes to the method that trains them: objective, loss and starting point."""

from __future__ import annotations

import math

import torch

from solver.numerics.lanes.cp import CPLane
from solver.numerics.lanes.deep_matrix_factorization import DeepMatrixFactorizationLane
from solver.numerics.lanes.image_cp import ImageCPLane
from solver.numerics.lanes.lane import LaneRun
from solver.numerics.methods.adam import AdamMethod
from solver.numerics.methods.gradient_descent import GradientDescentMethod
from solver.numerics.methods.gradient_flow import GradientFlowMethod
from solver.numerics.methods.group_rmsprop import GroupRMSpropMethod
from solver.numerics.methods.image_adam import ImageAdamMethod
from solver.numerics.methods.method import Method
from solver.numerics.models.cp import CPObjective
from solver.numerics.models.deep_matrix_factorization import DeepMatrixFactorizationObjective
from solver.numerics.models.objective import Objective
from solver.numerics.problems.losses import loss_of
from solver.spec import Adam, GradientDescent, GradientFlow, GroupRMSprop


def method_of(runs: list[LaneRun], dtype: torch.dtype, device: torch.device) -> Method:
    """The method on the lanes' objective, at their starts."""
    spec, starts = runs[0].lane.spec, [run.start() for run in runs]
    optimizer = spec.optimizer
    images = [run.problem for run in runs if isinstance(run, ImageCPLane)]
    if images:
        assert isinstance(optimizer, Adam)
        return ImageAdamMethod(images, starts, optimizer, dtype, device)
    objective, start = _objective(runs, dtype, device), torch.stack(starts).to(dtype)
    if isinstance(optimizer, GradientFlow):
        return GradientFlowMethod(objective, start, optimizer, spec.stop.max_time or math.inf)
    if isinstance(optimizer, GradientDescent):
        return GradientDescentMethod(objective, start, optimizer)
    if isinstance(optimizer, GroupRMSprop):
        return GroupRMSpropMethod(objective, start, optimizer)
    return AdamMethod(objective, start, optimizer)


def _objective(runs: list[LaneRun], dtype: torch.dtype, device: torch.device) -> Objective:
    problems = [run.problem for run in runs if isinstance(run, DeepMatrixFactorizationLane | CPLane)]
    loss, first = loss_of(problems, dtype, device), runs[0]
    if isinstance(first, DeepMatrixFactorizationLane):
        return DeepMatrixFactorizationObjective(first.widths, loss, len(runs), dtype, device)
    assert isinstance(first, CPLane)
    return CPObjective(first.problem.shape, first.model.components, loss, len(runs), dtype, device)
