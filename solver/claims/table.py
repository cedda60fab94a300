"""docs/claims.md: every claim with its statistic, premise and tolerance, and the run in which it is false."""

from __future__ import annotations

from solver.claims import CLAIMS
from solver.claims.claim import Definition

_HEAD = """# Claims

Written from the definitions in `solver/claims/`; a test says where it is out of date. Each claim is judged on every run
of a preset that names it, on the lanes and states that its premise leaves; without any it is not applicable. The last
column is a run in which it is false, or says why only a falsified record is: `tests/solver/test_claims.py` has each.

| claim | statement, source | statistic | premise | tolerance, and its reason | false in |
| --- | --- | --- | --- | --- | --- |
"""
_RELATIONS = {"about": "equal to", "at-least": "at least", "at-most": "at most"}


def markdown() -> str:
    """The page."""
    return _HEAD + "".join(_row(claim) for claim in CLAIMS.values())


def _row(claim: Definition) -> str:
    cells = (
        f"`{claim.name}`",
        f"{claim.statement} {claim.source}",
        claim.statistic,
        claim.premise,
        f"{_RELATIONS[claim.relation]} what is expected: {claim.reason}",
        claim.false_in,
    )
    # A bar would end the cell.
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
