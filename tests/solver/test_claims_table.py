"""docs/claims.md is what the definitions say."""

from __future__ import annotations

import os
from pathlib import Path

from solver.claims import table

PAGE = Path(__file__).parents[2] / "docs" / "claims.md"


def test_the_table_of_claims_is_of_the_day() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(table.markdown(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == table.markdown(), "run this test with UPDATE_GOLDEN=1"
