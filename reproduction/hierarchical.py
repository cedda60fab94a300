"""The section on hierarchical tensor factorization, and on the three factorizations side by side."""

from __future__ import annotations

import itertools
import math
import statistics

from reproduction.sections import Histories, crossing, last, shown, spread, table
from reproduction.settings import orders
from solver import settings
from solver.history import LaneHistory
from solver.spec import HierarchicalTucker, RunSpec

# The rank that both kinds of run have in common, and the node whose components and unfolding are told: {1,2}.
_RANK, _NODE = 5, 1
# A mean loss above this, of entries of mean square 1, is no noise of the steps.
_PLATEAU = 1e-3


def local_components(lane: LaneHistory, spec: RunSpec) -> list[list[float]]:
    """The norms over time of each local component of the node {1,2}, those first that are largest at the end."""
    model, problem = spec.model, spec.problem
    assert isinstance(model, HierarchicalTucker)
    places = model.tree(problem).components(model.level_widths(problem))
    columns = [list(lane.vectors["component_norms"][k]) for k, (place, _) in enumerate(places) if place == _NODE]
    return sorted(columns, key=lambda column: -column[-1])


def values(lane: LaneHistory, spec: RunSpec) -> list[float]:
    """What the rank of a lane is seen by at its end, falling: singular values, or norms of components."""
    if isinstance(spec.model, HierarchicalTucker):
        # The first of the recorded unfoldings is that of {1,2}.
        shape, modes = spec.problem.known_shape or (), spec.model.tree(spec.problem).nodes[_NODE].modes
        rows = math.prod(shape[mode] for mode in modes)
        n = min(spec.record.singular_values, rows, math.prod(shape) // rows)
        return [column[-1] for column in lane.vectors["matricisation_singular_values"][:n]]
    name = "singular_values" if "singular_values" in lane.vectors else "component_norms"
    return sorted((column[-1] for column in lane.vectors[name]), reverse=True)


def hierarchical(histories: Histories) -> str:
    wanted = orders()
    rows = []
    for lane, of in zip(histories["hierarchical"].lanes, settings.lanes(wanted["hierarchical"].spec), strict=True):
        components = local_components(lane, of.spec)
        rises = sorted(crossing(lane, column, column[-1] / 2) for column in components[:_RANK])
        ends = [column[-1] for column in components]
        unfolded = values(lane, of.spec)
        rows.append(
            [
                f"{lane.parameters['model.init_std']:g}",
                str(lane.parameters["seed"]),
                shown(last(lane, "train_loss")),
                " ".join(shown(value) for value in ends[: _RANK + 2]),
                " ".join(f"{step / 1000:.1f}k" for step in rises),
                " ".join(shown(value) for value in unfolded[: _RANK + 1]),
                shown(last(lane, "normalised_reconstruction_error")),
            ]
        )
    head = [
        "std",
        "draw",
        "loss",
        "seven largest norms at {1,2}",
        "five largest half way up at",
        "six largest singular values of {1,2}",
        "‖T−T*‖/‖T*‖",
    ]
    return f"""## Hierarchical tensor factorization: 8 × 8 × 8 × 8, hierarchical rank 5, 2,048 of 4,096 entries, Frobenius norm 64

Razin, Maman, Cohen 2022: from small starts local components rise one after the other, and the tensor ends at low hierarchical
rank; from larger ones less so. They show it in curves, of which no numbers are read off here: what is set beside it is whether
ours do the same. GroupRMSprop with step 1e-2, eps 1e-6, at most 20,000 steps, width 32.

{table(head, rows)}
{_said(rows)}

Three factorizations side by side, as in their figure: a matrix of 64 × 64 in three layers, a tensor of 16 × 16 × 16 in 64
components, one of 8 × 8 × 8 × 8 over a tree of width 32, each of rank 5 of its own kind, by the gradient flow to loss 1e-6. The
fifth and sixth of what the rank is seen by (singular values, norms of components, singular values of the unfolding {{1,2}}),
and their ratio, {_n_draws(histories)} draws:

{table(["factorization", "start", "fifth", "sixth", "ratio", "largest ratio", "‖W−W*‖/‖W*‖"], _kinds(histories))}
Differences. **The method**: their weights start at standard deviation .01 with widths of 512; of width 32 none has risen from .01
after 20,000 steps (one draw, loss 1.04). **The draw**: the fifth singular value of {{1,2}} is .0066, .063, .26, .0036, .19 in the ground
truths of draws 0 to 4, where the first is 52 to 61: mostly less than the training loss leaves, so that a small start ends below it.
"""


def _said(rows: list[list[str]]) -> str:
    stds = sorted({row[0] for row in rows}, key=float)
    told = []
    for std in stds:
        errors = [float(row[-1]) for row in rows if row[0] == std]
        told.append(f"{shown(statistics.median(errors))} from {std}")
    waiting = [f"draw {row[1]} from {row[0]}" for row in rows if float(row[2]) > _PLATEAU]
    still = f" On a plateau at the last step: {', '.join(waiting)}." if waiting else ""
    return f"Median of the errors: {', '.join(told)}.{still}"


def _n_draws(histories: Histories) -> int:
    return len({lane.parameters["seed"] for lane in histories["kinds"].lanes})


def _kinds(histories: Histories) -> list[list[str]]:
    found: dict[tuple[str, str], list[tuple[list[float], float]]] = {}
    lanes = settings.lanes(orders()["kinds"].spec)
    for lane, of in zip(histories["kinds"].lanes, lanes, strict=True):
        start = lane.parameters.get("model.init_scale", lane.parameters.get("model.init_std"))
        error = math.sqrt(last(lane, "reconstruction_error"))
        found.setdefault((lane.parameters["variant"], f"{start:g}"), []).append((values(lane, of.spec), error))
    return [
        [
            name,
            start,
            spread([of[_RANK - 1] for of, _ in draws]),
            spread([of[_RANK] for of, _ in draws]),
            spread([of[_RANK - 1] / of[_RANK] for of, _ in draws]),
            spread([max(a / b for a, b in itertools.pairwise(of[: 2 * _RANK])) for of, _ in draws]),
            spread([error for _, error in draws]),
        ]
        for (name, start), draws in found.items()
    ]
