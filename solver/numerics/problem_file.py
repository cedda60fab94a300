"""Problems built from a spec, kept in problem.npz, and read again from there."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from solver.files import write_private
from solver.numerics.problems.images import ImageProblem, image_problem
from solver.numerics.problems.observed import ObservedProblem, observed_problem, sensing_measurements
from solver.rundir import RunDirectory
from solver.settings import Lane
from solver.spec import Completion, ImageTensor

AnyProblem = ObservedProblem | ImageProblem


def problem_of_lane(lanes: list[Lane]) -> list[int]:
    """Which problem each lane fits, counted in the order of first use: lanes of one seed and problem share it."""
    keys: dict[bytes, int] = {}
    return [keys.setdefault(msgspec.json.encode((lane.spec.problem, lane.spec.seed)), len(keys)) for lane in lanes]


def first_lanes(lanes: list[Lane]) -> list[Lane]:
    """The first lane of each problem."""
    of_lane = problem_of_lane(lanes)
    return [lanes[of_lane.index(k)] for k in range(max(of_lane) + 1)]


def build(lanes: list[Lane]) -> list[AnyProblem]:
    """The different problems of the lanes. Raises BadSetting where data cannot be read."""
    return [
        image_problem(lane.spec.problem, lane.spec.seed)
        if isinstance(lane.spec.problem, ImageTensor)
        else observed_problem(lane.spec.problem, lane.spec.seed)
        for lane in first_lanes(lanes)
    ]


def write(directory: RunDirectory, problems: list[AnyProblem]) -> None:
    """problem.npz: for problem k the arrays k.shape, k.ground_truth, k.indices, k.values and k.test_…, no pickles.

    Measurements and images are not kept: the spec draws them again.
    """
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for k, problem in enumerate(problems):
        arrays[f"{k}.shape"] = np.array(problem.shape, dtype=np.int64)
        if isinstance(problem, ImageProblem):
            continue
        arrays[f"{k}.values"] = problem.values
        if problem.ground_truth is not None:
            arrays[f"{k}.ground_truth"] = problem.ground_truth
        if problem.indices is not None:
            arrays[f"{k}.indices"] = np.ascontiguousarray(problem.indices)
        arrays[f"{k}.test_indices"] = np.ascontiguousarray(problem.test_indices)
        arrays[f"{k}.test_values"] = problem.test_values
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_private(directory.problem, buffer.getvalue())


def read(directory: RunDirectory, lanes: list[Lane]) -> list[AnyProblem]:
    """The problems that ``write`` kept: what was read and drawn at the start, whatever became of a file since."""
    problems: list[AnyProblem] = []
    with np.load(directory.problem, allow_pickle=False) as arrays:
        for k, lane in enumerate(first_lanes(lanes)):
            spec = lane.spec.problem
            if isinstance(spec, ImageTensor):
                problems.append(image_problem(spec, lane.spec.seed))
                continue
            found: dict[str, Any] = {
                name: arrays.get(f"{k}.{name}")
                for name in ("ground_truth", "indices", "values", "test_indices", "test_values")
            }
            sensing = not isinstance(spec, Completion)
            problems.append(
                ObservedProblem(
                    shape=tuple(arrays[f"{k}.shape"].tolist()),
                    loss=spec.loss,
                    huber_delta=spec.huber_delta,
                    measurements=sensing_measurements(spec, lane.spec.seed) if sensing else None,
                    **found,
                )
            )
    return problems
