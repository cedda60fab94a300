"""Ground truths of chosen hierarchical rank: what is refused, and that the drawn tensor has it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from solver import settings
from solver.numerics.problems.observed import observed_problem
from solver.refusal import BadSetting
from solver.spec import TensorCompletion, TensorSensing
from solver.spec.mode_tree import mode_tree


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ht_rank": [3, 3], "rank": 3}, "rank and ht_rank are both given"),
        ({"ht_rank": [3, 3, 3]}, "has 3 values, and the tree that halves 4 modes has 2 levels"),
        ({"ht_rank": [2, 3]}, "grows toward the root"),
        ({"ht_rank": [11, 3]}, "more than some unfolding of shape 10 × 10 × 10 × 10 can have, at most 10"),
        ({"ht_rank": [3, 3], "entries": [[0, 0, 0, 0, 1.0]]}, "ht_rank describes a random ground truth"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_is_refused_in_one_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadSetting) as refused:
        settings.decode({"problem": {"kind": "tensor-completion", **changes}, "model": {"kind": "ht"}})
    assert said in str(refused.value), str(refused.value)
    assert "\n" not in str(refused.value)


def test_setting_it_lets_go_of_the_rank() -> None:
    raw = settings.apply({"problem": {"kind": "tensor-completion", "rank": 4}}, [("problem.ht_rank", [3, 2])])
    assert raw["problem"] == {"kind": "tensor-completion", "ht_rank": [3, 2]}


@pytest.mark.parametrize("kind", [TensorCompletion, TensorSensing])
@pytest.mark.parametrize(
    ("shape", "ranks"),
    [
        ((5, 4, 6), (3, 2)),
        ((8, 8, 8, 8), (3, 3)),
        ((4, 5, 4, 5), (4, 2)),
        ((3, 2, 3, 2, 3), (2, 2, 1)),
        ((2,) * 8, (2, 2, 2)),
    ],
)
def test_every_unfolding_of_the_tree_has_the_rank_of_its_level(
    kind: type[TensorCompletion], shape: tuple[int, ...], ranks: tuple[int, ...]
) -> None:
    """What goes through a node is as wide as its parent; Gaussian weights do not lessen it, but its own width may."""
    truth = observed_problem(kind(shape=shape, ht_rank=ranks, observations=20, frobenius_norm=7.0), 3).ground_truth
    assert truth is not None
    assert np.linalg.norm(truth) == pytest.approx(7.0)
    tree = mode_tree(len(shape), 2)
    for place in tree.matricised:
        node = tree.nodes[place]
        rows = math.prod(shape[mode] for mode in node.modes)
        sigma = np.linalg.svd(
            np.moveaxis(truth, node.modes, range(len(node.modes))).reshape(rows, -1), compute_uv=False
        )
        expected = ranks[tree.nodes[node.parent].level - 1]
        assert np.sum(sigma > 1e-9 * sigma[0]) == expected
