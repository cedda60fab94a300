"""What a run takes of the machine: measured on a process that is busy, and shown with its history."""

from __future__ import annotations

import os
import time
from pathlib import Path

import presets
from solver.history import History
from tui.shown import machine_page
from tui.shown.sheets import sheets
from tui.watch.seen import Seen
from tui.watch.use import _MOST, Use


def process(root: Path, pid: int, seconds: float, pages: int, children: str = "") -> None:
    ticks = int(seconds * os.sysconf("SC_CLK_TCK"))
    (root / str(pid) / "task" / str(pid)).mkdir(parents=True, exist_ok=True)
    (root / str(pid) / "task" / str(pid) / "children").write_text(children)
    fields = ["S", *["0"] * 10, str(ticks), "0", *["0"] * 8, str(pages)]
    (root / str(pid) / "stat").write_text(f"{pid} (a ) name) {' '.join(fields)}")


def test_cores_and_memory_are_those_of_the_solver_and_its_processes(tmp_path: Path) -> None:
    use = Use(tmp_path)
    process(tmp_path, 7, 1.0, 10, "8 9")
    process(tmp_path, 8, 1.5, 20, "10")
    process(tmp_path, 10, 0.5, 0)
    use.look(7, None)
    assert not len(use.cores), "of one sample no rate is known"
    begin = time.monotonic()
    time.sleep(0.05)
    process(tmp_path, 7, 1.5, 10, "8 9")
    process(tmp_path, 8, 1.5, 20, "10")
    process(tmp_path, 10, 1.0, 10)
    use.look(7, (0.5, 1024.0))
    assert 1.0 / (time.monotonic() - begin) * 0.5 <= use.cores[0] <= 1.0 / 0.05
    assert list(use.memory_bytes) == [40 * os.sysconf("SC_PAGE_SIZE")], "one that is gone counts nothing"
    assert list(use.gpu_share) == [0.5]


def test_a_system_that_does_not_tell_gives_no_samples(tmp_path: Path) -> None:
    use = Use(tmp_path / "nothing")
    for _ in range(3):
        use.look(0, None)
        use.look(1, None)
    assert not [value for value in use.memory_bytes if value]


def test_this_process_is_seen_where_there_is_proc() -> None:
    if not Path("/proc/self/stat").exists():
        return
    use = Use()
    for _ in range(2):
        use.look(os.getpid(), None)
    assert use.memory_bytes[0] > 1e6


def test_a_long_history_is_thinned_and_comes_half_as_often(tmp_path: Path) -> None:
    use = Use(tmp_path)
    process(tmp_path, 7, 1.0, 10)
    for _ in range(_MOST + 5):
        use.look(7, None)
    assert len(use.cores) < _MOST
    assert use._every > 2.0


def test_the_page_says_now_and_most(tmp_path: Path) -> None:
    seen = Seen("a", "a", presets.order_of("mf-depth"), History(), device="cuda:0 H100")
    assert "nothing is measured" in machine_page.lines(seen, 80)[2][0]
    assert not any(sheet.title == "machine" for sheet in sheets(seen))
    seen.use.cores.extend([1.0, 2.0, 0.5])
    seen.use.memory_bytes.extend([1e6, 2e6, 3e6])
    text = [line for line, _ in machine_page.lines(seen, 80)]
    assert text[0] == "cuda:0 H100"
    (cores,) = [line for line in text if line.startswith("cores busy")]
    assert cores.split()[-3:] == ["0.50", "most", "2.00"]
    assert next(sheet for sheet in sheets(seen) if sheet.title == "machine").value(seen) == "0.5 cores"
