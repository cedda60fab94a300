"""Problems built from a spec, kept in problem.npz, and read again from there."""

from __future__ import annotations

import io
import zipfile
import zlib

import msgspec
import numpy as np

from solver.files import read_whole, write_private
from solver.numerics.problems import problem_kind
from solver.numerics.problems.drawn import DrawnProblem
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from solver.settings import LaneSpec


def problem_of_lane(lanes: list[LaneSpec]) -> list[int]:
    """Which problem each lane fits, counted in the order of first use: lanes of one seed and problem share it.

    Unless it has other baselines for their models: a predictor of classes and what gives images back share none.
    """
    keys: dict[bytes, int] = {}
    parts = [(lane.spec.problem, lane.spec.seed, lane.spec.model.baseline_key) for lane in lanes]
    return [keys.setdefault(msgspec.json.encode(part), len(keys)) for part in parts]


def first_lanes(lanes: list[LaneSpec]) -> list[LaneSpec]:
    """The first lane of each problem."""
    of_lane = problem_of_lane(lanes)
    return [lanes[of_lane.index(k)] for k in range(max(of_lane) + 1)]


def build(lanes: list[LaneSpec]) -> list[DrawnProblem]:
    """The different problems of the lanes. Raises BadSetting where data cannot be read."""
    return [problem_kind(lane).draw(lane.spec.problem, lane.spec.seed) for lane in first_lanes(lanes)]


def write(directory: RunDirectory, problems: list[DrawnProblem]) -> None:
    """problem.npz: for problem k the arrays k.shape, k.ground_truth, k.indices, k.values and k.test_…, no pickles.

    Measurements and images are not kept: the spec draws them again.
    """
    arrays = {f"{k}.{name}": array for k, problem in enumerate(problems) for name, array in problem.arrays().items()}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_private(directory.problem, buffer.getvalue())


def read(directory: RunDirectory, lanes: list[LaneSpec]) -> list[DrawnProblem]:
    """The problems that ``write`` kept: what was read and drawn at the start, whatever became of a file since.

    Raises BadSetting where the file is missing or damaged.
    """
    try:
        return parsed(read_whole(directory.problem), lanes)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadSetting(f"{directory.problem} cannot be read ({reason}): restore it, then resume the run") from None
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, TypeError, SyntaxError) as error:
        if isinstance(error, BadSetting):
            raise
        raise BadSetting(f"{directory.problem} is damaged ({error}): restore it, then resume the run") from None


def parsed(data: bytes, lanes: list[LaneSpec]) -> list[DrawnProblem]:
    """The problems of the lanes from the bytes of their file. Raises a number of things where they are damaged."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        problems = []
        for k, lane in enumerate(first_lanes(lanes)):
            own = {name.removeprefix(f"{k}."): arrays[name] for name in arrays.files if name.startswith(f"{k}.")}
            problems.append(problem_kind(lane).restore(lane.spec.problem, lane.spec.seed, own))
        return problems
