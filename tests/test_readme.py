"""README's commands, run as they are printed, one after the other in one directory."""

from __future__ import annotations

import gzip
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import presets
from bench.terminal import Terminal
from solver import runs
from tui.commands.table import COMMANDS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent
IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

# Statuses other than 0: there may be no GPU, no cluster is there, and a run that has ended can neither stop nor go on.
OTHER_STATUS = {"--device cuda": (0, 3), "stop latest": (2,), "resume latest": (2,), "--cluster": (2,)}
# What needs a library that is not here is refused.
LIBRARIES = {"--format parquet": "pyarrow", "--log tensorboard": "tensorboard", "--log wandb": "wandb"}
OTHER_STATUS |= {part: (2,) for part, library in LIBRARIES.items() if importlib.util.find_spec(library) is None}
# Presets that README's commands run as they are: what these print has their claims, which `verify` is not asked again.
RUN_AS_THEY_ARE = {"run mf-depth --out run.json": "mf-depth", "run phase-map --size quick": "phase-map"}
# The longest: test_published has the staircase and the autoencoders, mnist-rank the same claims on other images, and
# test_variants and test_claims smaller runs of the three factorizations.
ELSEWHERE = ("mf-dynamics", "fashion-rank", "irmae", "three-factorizations")
# Sixty thousand images for ten thousand steps: the settings and the files are read, and nothing is trained.
DRY = ("--set problem.dataset",)


def printed() -> list[str]:
    """Every command of README that the program itself answers, without its comment."""
    lines = [line[2:] for block in re.findall(r"```console\n(.*?)```", README, re.S) for line in block.splitlines()]
    found = [re.sub(r"\s+#.*", "", line).strip() for line in lines if re.match(r"(\.venv/bin/)?implicit-tui\b", line)]
    assert len(found) > 20
    return found


def test_every_command_of_the_program_is_printed() -> None:
    known = {shlex.split(line)[1] for line in printed() if len(shlex.split(line)) > 1}
    assert known | {"serve"} >= set(COMMANDS), "README says what there is"


def test_the_table_of_verify_names_the_claims_of_the_presets() -> None:
    """Its numbers are of one machine and one seed; its rows must be those that there are."""
    table = README.split("$ implicit-tui verify\n")[1].split("```")[0]
    assert [name for name in presets.built_in() if f"\n{name} " in f"\n{table}"] == presets.built_in()
    for name in presets.built_in():
        for claim in presets.load(name).claims:
            assert re.search(rf"\s{claim}\s", table), claim


def idx(path: Path, array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(gzip.compress(head + array.tobytes(), compresslevel=1))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """What the commands find: a person's ratings and matrix, and images under ~/data/kmnist."""
    lines = [f"{row},{column},{(row % 3 + 1) * (column % 2 + 1)}" for row in range(12) for column in range(0, 10, 2)]
    (tmp_path / "ratings.csv").write_text("row,column,value\n" + "\n".join(lines) + "\n")
    np.savetxt(tmp_path / "matrix.csv", np.outer(np.arange(1.0, 11.0), np.arange(-4.0, 6.0)), delimiter=",")
    images = tmp_path / "data" / "kmnist"
    images.mkdir(parents=True)
    for name in IDX:
        n = 60_000 if name.startswith("train") else 10_000
        shape = (n, 28, 28) if "images" in name else (n,)
        idx(images / f"{name}.gz", np.zeros(shape, dtype=np.uint8))
    return tmp_path


@pytest.mark.slow
@pytest.mark.longest
def test_the_commands_of_readme_do_what_it_says(directory: Path) -> None:
    """Each in a shell, in README's order; those that open the app in a terminal, which q leaves."""
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(directory), "TERM": "xterm-256color"}
    told: list[str] = []
    for line in printed():
        command = line.replace(".venv/bin/implicit-tui", "implicit-tui")
        if command in ("implicit-tui", "implicit-tui attach"):
            with Terminal(["/bin/bash", "-c", f"exec {command}"], environment=environment) as terminal:
                terminal.read_until(lambda painted: b"quit" in painted)
                terminal.press(b"q")
                terminal.read_until(lambda painted: b"\x1b[?1049l" in painted)
            continue
        if command == "implicit-tui verify":
            # The same with --seed 7 follows.
            continue
        if command == "implicit-tui verify --seed 7":
            others = [name for name in presets.built_in() if name not in (*RUN_AS_THEY_ARE.values(), *ELSEWHERE)]
            command = f"{command} {' '.join(others)}"
        dry = " --dry-run" if any(part in command for part in DRY) else ""
        result = subprocess.run(
            ["/bin/bash", "-c", command + dry],
            capture_output=True,
            text=True,
            timeout=400,
            stdin=subprocess.DEVNULL,
            cwd=directory,
            env=environment,
            check=False,
        )
        if command == "implicit-tui show mf-depth > mine.toml":
            # … edit, as README says: a smaller problem.
            mine = directory / "mine.toml"
            text = mine.read_text()
            assert "shape = [100, 100]" in text
            assert "observations = 2000" in text
            mine.write_text(text.replace("[100, 100]", "[40, 40]").replace("observations = 2000", "observations = 600"))
        allowed = next((statuses for part, statuses in OTHER_STATUS.items() if part in command), (0,))
        assert result.returncode in allowed, f"{command}: {result.stderr}"
        assert "Traceback" not in result.stderr
        for part, name in RUN_AS_THEY_ARE.items():
            if part in command and "--dry-run" not in command:
                for claim in presets.load(name).claims:
                    assert f"claim holds: {claim}: " in result.stderr, claim
                told.append(name)
        if result.returncode == 3:
            # What has recorded nothing cannot be exported next.
            runs.remove(runs.find("latest"))
    assert sorted(told) == sorted(RUN_AS_THEY_ARE.values()), "all that verify is not asked for again"
    assert (directory / "run.json").stat().st_size > 0
    assert (directory / "mine.json").stat().st_size > 10_000
    assert (directory / "run.csv").read_text().startswith("lane,")
    assert (directory / "figure.svg").read_text().startswith("<svg")
    assert "--format parquet" in OTHER_STATUS or (directory / "run.parquet").read_bytes().startswith(b"PAR1")
