"""docs/library.md, run block by block as it stands there, in a copy of the library with a data home of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)
# They are read into libraries of their own, each from the file alone.
READERS = {"np": "numpy", "pd": "pandas", "pl": "polars"}


def is_reader(block: str) -> bool:
    return any(re.search(rf"^import \w+ as {short}$", block, re.M) for short in READERS)


def python(directory: Path, code: str) -> str:
    """What the code prints, in a process that finds a copy of the library and no screen beside it."""
    tree = directory / "tree"
    if not tree.exists():
        for name in ("implicit_tui", "presets", "solver"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=180,
        stdin=subprocess.DEVNULL,
        cwd=directory,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tree), os.environ.get("PYTHONPATH", "")])},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_the_blocks_do_what_the_page_says(tmp_path: Path) -> None:
    """One after the other in one process, which has imported nothing that trains or draws when all is done."""
    blocks = [block for block in BLOCKS if not is_reader(block)]
    assert len(blocks) == len(BLOCKS) - len(READERS)
    end = "\nimport sys\nprint(sorted({'textual', 'rich', 'torch', 'numpy', 'tui'} & set(sys.modules)))\n"
    told = python(tmp_path, "\n".join(blocks) + end)
    assert "model.depth must be a whole number of at least 1, not 0; its default is 3" in told
    assert re.search(r"^\{(\d: \d+(, )?){3}\}$", told, re.M), "every depth's first value rises"
    assert "low-rank-recovery: " in told
    assert told.splitlines()[-1] == "[]"
    document = json.loads((tmp_path / "run.json").read_text())
    assert document["outcome"]["kind"] == "converged"
    assert (tmp_path / "run.csv").read_text().startswith("lane,model.depth,seed,step,")
    read_into("np", tmp_path)


def read_into(short: str, directory: Path) -> None:
    """The block that reads run.json into a library; what it says of it is asserted there."""
    (block,) = (block for block in BLOCKS if re.search(rf"^import \w+ as {short}$", block, re.M))
    python(directory, block)


@pytest.mark.parametrize("short", ["pd", "pl"])
def test_an_export_is_read_in_two_lines(short: str, tmp_path: Path) -> None:
    library = READERS[short]
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed: pip install {library}")
    python(tmp_path, BLOCKS[0] + "run.wait()\n")
    read_into(short, tmp_path)
