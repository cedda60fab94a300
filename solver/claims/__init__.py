"""Claims: statements of the talk and its papers, each measured on a run and judged."""

from __future__ import annotations

from collections.abc import Sequence

from solver.claims.autoencoders import AUTOENCODERS
from solver.claims.boundaries import BOUNDARIES
from solver.claims.claim import Definition, witnesses_of
from solver.claims.determinants import DETERMINANTS
from solver.claims.diagonal import DIAGONAL
from solver.claims.greedy import GREEDY
from solver.claims.hierarchical import HIERARCHICAL
from solver.claims.images import IMAGES
from solver.claims.laws import LAWS
from solver.claims.matrices import MATRICES
from solver.claims.ratings import RATINGS
from solver.claims.sharpness import SHARPNESS
from solver.claims.starts import STARTS
from solver.claims.tensors import TENSORS
from solver.history import History
from solver.records import Claim
from solver.refusal import BadSetting
from solver.settings import LaneSpec

CLAIMS: dict[str, Definition] = {
    definition.name: definition
    for definition in (
        *MATRICES,
        *BOUNDARIES,
        *LAWS,
        *GREEDY,
        *SHARPNESS,
        *DETERMINANTS,
        *DIAGONAL,
        *TENSORS,
        *HIERARCHICAL,
        *STARTS,
        *IMAGES,
        *AUTOENCODERS,
        *RATINGS,
    )
}


def judge(names: Sequence[str], history: History, lanes: Sequence[LaneSpec], *, at_end: bool) -> list[Claim]:
    """The claims called so, on a run as far as it has come. Unknown names are left out.

    At the end those alone are pending that rest on lanes which were stopped from outside.
    """
    witnesses = witnesses_of(history, lanes)
    return [CLAIMS[name].judge(witnesses, at_end=at_end) for name in names if name in CLAIMS]


def check(names: Sequence[str], where: str) -> None:
    """Raises BadSetting, naming what there is, where a preset asks for a claim that does not exist."""
    unknown = [name for name in names if name not in CLAIMS]
    if unknown:
        raise BadSetting(f"{where} names the claim {unknown[0]!r}, which there is not: choose from {', '.join(CLAIMS)}")
