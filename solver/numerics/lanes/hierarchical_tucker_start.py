"""Initial weights of a hierarchical Tucker form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from solver.spec import HierarchicalTucker
from solver.spec.mode_tree import ModeTree

Array = npt.NDArray[np.float64]

_SWEEPS = 10_000
# Norms of a component's vectors that agree so far are equal.
_EQUAL = 1e-12


def weights(
    model: HierarchicalTucker, tree: ModeTree, shapes: Sequence[tuple[int, int]], generator: np.random.Generator
) -> list[Array]:
    """The weights of each node of the tree, the root first: independent Gaussians of standard deviation init_std.

    Balanced: the vectors of every local component are scaled to one norm, which leaves the end tensor as it is.
    """
    # From the last node on, so that a leaf's are drawn whatever the levels above are.
    drawn = [model.init_std * generator.standard_normal(shape) for shape in reversed(shapes)][::-1]
    if model.balanced:
        _balance(drawn, tree)
    return drawn


def _balance(drawn: list[Array], tree: ModeTree) -> None:
    """Gives each local component's vectors their geometric mean norm, node by node until all are equal.

    A vector of one node's component has entries in all of its child's: their norms change with it. Each step lessens
    the sum of squares of all weights, which is convex in the logarithms of the scales.
    """
    for _ in range(_SWEEPS):
        worst = 0.0
        for place in tree.interior:
            children = tree.nodes[place].children
            below = [np.linalg.norm(drawn[child], axis=0) for child in children]
            norms = np.stack([np.linalg.norm(drawn[place], axis=1), *below])
            common = np.exp(np.log(norms).mean(0))
            scales = common / norms
            drawn[place] *= scales[0][:, None]
            for child, scale in zip(children, scales[1:], strict=True):
                drawn[child] *= scale
            worst = max(worst, float(np.abs(scales - 1.0).max()))
        if worst <= _EQUAL:
            return
