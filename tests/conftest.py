"""What every test shares: shapes checked as annotated, one thread, and a data home of its own."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import shapes

os.environ["OMP_NUM_THREADS"] = "1"
# A shell that starts us in the background has these ignored, and what we start would inherit that.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

# The shapes written in annotations are executed: a wrong one fails the test that meets it.
shapes.execute_annotations("solver.numerics")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests of processes and screens wait a quarter of their time."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test begins first: in several processes none waits for it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("longest") is None)


@pytest.fixture(autouse=True)
def data_home(tmp_path: Path) -> Iterator[Path]:
    """No test sees the runs or presets of the person who runs it, and none leaves a process that works on its own."""
    home = tmp_path / "data"
    # Its own: a test that undoes what it has patched must not undo this.
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("IMPLICIT_TUI_HOME", str(home))
        patched.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
        yield home
    # The app freezes what it has made, for the time of a process; here there are hundreds of apps in one.
    gc.unfreeze()
    left = _working_on(home) if home.exists() else []
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, f"the test left the processes {left}"


def _working_on(home: Path) -> list[int]:
    """Processes that were started on this data home and still run; one that is ending is given a moment."""
    mark, found = f"IMPLICIT_TUI_HOME={home}\0".encode(), []
    for _ in range(100):
        found = [pid for pid in _others() if mark in _read(f"/proc/{pid}/environ")]
        if not found:
            break
        signal.sigtimedwait([], 0.05)
    return found


def _others() -> list[int]:
    root = Path("/proc")
    names = [entry.name for entry in root.iterdir()] if root.is_dir() else []
    return [int(name) for name in names if name.isdecimal() and int(name) != os.getpid()]


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
