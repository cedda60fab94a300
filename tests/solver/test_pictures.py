"""Pictures of end matrices and tensors: what is written of them, how many, and what they show of the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver import npz, truth
from solver.records import PICTURE_LEVELS, Picture, levels_of
from tests.solver.running import history_of, ran

RECOVERY = {"problem.shape": [30, 20], "problem.rank": 2, "problem.observations": 400}


@given(st.lists(st.integers(-PICTURE_LEVELS, PICTURE_LEVELS), min_size=1, max_size=50))
def test_levels_come_back_as_they_were_written(levels: list[int]) -> None:
    text = levels_of(levels)
    picture = Picture(lane=0, step=0, name="x", shape=[len(levels)], largest=PICTURE_LEVELS, levels=text)
    assert picture.values() == levels
    assert '"' not in text
    assert "\\" not in text


def test_a_matrix_run_is_pictured_live_within_a_bound_and_exactly_at_its_end() -> None:
    """The last picture agrees with the exact snapshot to half a level, and the truth with problem.npz."""
    made = ran("mf-depth", RECOVERY, {"model.depth": [3]})
    (lane,) = history_of(made).lanes
    pictures = lane.pictures["end_matrix"]
    assert 5 <= len(pictures) <= 40
    assert [one.step for one in pictures] == sorted(one.step for one in pictures)
    exact = np.array(lane.snapshots["end_matrix"].values, dtype=float)
    shown = np.array(pictures[-1].values())
    assert np.abs(exact - shown).max() <= pictures[-1].largest / PICTURE_LEVELS / 2 * (1 + 1e-9)
    (problem,) = truth.read(made.problem)
    assert problem.shape == (30, 20)
    assert len(problem.observed) == 400
    assert problem.ground_truth is not None
    assert all(value == pytest.approx(problem.ground_truth[place]) for place, value in problem.observed.items())


def test_alignment_and_overlap_tell_that_the_truth_s_vectors_were_found() -> None:
    """At recovery the first two vectors lie in the truth's spaces, one to one; at a random start they do not."""
    made = ran("mf-depth", RECOVERY, {"model.depth": [3]})
    (lane,) = history_of(made).lanes
    aligned = lane.vectors["truth_alignment"]
    assert aligned[0][0] < 0.7
    assert [column[-1] for column in aligned[:2]] == pytest.approx([1.0, 1.0], abs=1e-3)
    last = lane.pictures["overlap"][-1]
    assert last.shape == [4, 2]
    overlap = np.array(last.values()).reshape(last.shape)
    assert overlap[:2] == pytest.approx(np.eye(2), abs=0.05)
    end = np.array(lane.snapshots["end_matrix"].values, dtype=float).reshape(30, 20)
    target = np.array(npz.read(made.problem)["0.ground_truth"][1]).reshape(30, 20)
    u, _, vt = np.linalg.svd(end)
    u_truth, _, vt_truth = np.linalg.svd(target)
    expected = np.linalg.norm(u_truth[:, :2].T @ u[:, 2]) * np.linalg.norm(vt_truth[:2] @ vt[2])
    assert aligned[2][-1] == pytest.approx(expected, abs=1e-6)


def test_a_tensor_run_is_pictured_and_a_truth_of_full_rank_has_no_alignment() -> None:
    tensor = history_of(ran("tf-rank", {"seeds": 1}, {"problem.observations": [200], "model.init_std": [0.05]}))
    assert tensor.lanes[0].pictures["end_tensor"]
    full = history_of(
        ran("mf-depth", {"problem.shape": [6, 6], "problem.rank": 6, "problem.observations": 30}, {"model.depth": [2]})
    )
    assert "truth_alignment" not in full.lanes[0].series
    assert "overlap" not in full.lanes[0].pictures


def test_a_damaged_problem_file_is_no_truth(tmp_path: object) -> None:
    made = ran("mf-depth", RECOVERY, {"model.depth": [1]})
    made.problem.write_bytes(made.problem.read_bytes()[:200])
    assert truth.read(made.problem) == []
