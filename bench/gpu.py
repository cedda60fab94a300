"""make gpu-check: the tests that need a GPU, then a step of everything there; installs nothing."""

from __future__ import annotations

import importlib.util
import os
import sys

# The project's own options and fixtures need packages that this Python may not have.
_OPTIONS = ["-q", "-c", os.devnull, "--rootdir=.", "--noconftest", "--import-mode=importlib", "-p", "no:cacheprovider"]


def main() -> int:
    """The exit status: 0 where all tests pass, 1 where one fails or none could be run."""
    missing = [name for name in ("torch", "numpy", "msgspec", "jaxtyping") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"this Python has no {', '.join(missing)}: name another, as in `make gpu-check PYTHON=.venv/bin/python`")
        return 1
    import torch

    from bench.__main__ import on_device
    from bench.steps import as_table
    from solver.numerics.device import describe

    if not torch.cuda.is_available():
        print("no CUDA device is available here: nothing was checked")
        return 1
    device = torch.device("cuda")
    name = describe(device)["name"]
    status = 0
    if importlib.util.find_spec("pytest") is None:
        print("pytest is not installed here: the tests were not run")
        status = 1
    else:
        import pytest

        status = int(pytest.main([*_OPTIONS, "tests/solver/numerics/test_cuda.py"]))
    torch.set_num_threads(1)
    print(f"\n{name}, torch {torch.__version__}\n\n{as_table(on_device(device))}")
    return int(status != 0)


if __name__ == "__main__":
    sys.exit(main())
