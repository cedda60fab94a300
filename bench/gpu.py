"""make gpu-check: the tests that need a GPU, then steps and whole runs there, each printed as it is done.

Installs nothing. ``python -m bench.gpu --only tests steps`` does these alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

# The project's own options and fixtures need packages that this Python may not have.
_OPTIONS = ["-q", "-c", os.devnull, "--rootdir=.", "--noconftest", "--import-mode=importlib", "-p", "no:cacheprovider"]
_NEEDED = ("torch", "numpy", "msgspec", "jaxtyping", "platformdirs")


def main(arguments: Sequence[str]) -> int:
    """The exit status: 0 where all tests pass, 1 where one fails or none could be run."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu")
    parser.add_argument("--only", nargs="+", default=list(_PARTS), choices=list(_PARTS), help="these parts alone")
    only = parser.parse_args(arguments).only
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"this Python has no {', '.join(missing)}: name another, as in `make gpu-check PYTHON=.venv/bin/python`")
        return 1
    import torch

    from solver.numerics.device import describe

    if not torch.cuda.is_available():
        print("no CUDA device is available here: nothing was checked")
        return 1
    torch.set_num_threads(1)
    print(f"{describe(torch.device('cuda'))['name']}, torch {torch.__version__}", flush=True)
    passed = [part() for name, part in _PARTS.items() if name in only]
    return int(not all(passed))


def _tests() -> bool:
    if importlib.util.find_spec("pytest") is None:
        print("pytest is not installed here: the tests were not run")
        return False
    import pytest

    return int(pytest.main([*_OPTIONS, "tests/solver/numerics/test_cuda.py"])) == 0


def _steps() -> bool:
    import torch

    from bench import steps
    from bench.__main__ import on_device

    device = torch.device("cuda")
    for rows in (steps.large_matrices(device), on_device(device)):
        print(f"\n{steps.as_table(rows)}", flush=True)
    return True


def _runs() -> bool:
    from bench import profiles, runs

    # Solvers are processes of their own, and nothing of ours need be installed here.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path.cwd()), os.environ.get("PYTHONPATH"))))
    home = runs.home()
    try:
        for measure in (profiles.large, profiles.measured):
            print(f"\n{profiles.as_table(measure(home, 'cuda'))}", flush=True)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return True


_PARTS: dict[str, Callable[[], bool]] = {"tests": _tests, "steps": _steps, "runs": _runs}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
