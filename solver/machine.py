"""What this machine has: processors and free memory."""

from __future__ import annotations

import os
import re
from pathlib import Path

from solver.refusal import BadSetting


def cores() -> int:
    """Processors that this process may use; IMPLICIT_TUI_CORES says fewer where several solvers share them."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = cores_asked()
    return there if asked is None else min(there, asked)


def cores_asked() -> int | None:
    """What IMPLICIT_TUI_CORES says; None where it says nothing. Raises BadSetting for what is no number of cores."""
    text = os.environ.get("IMPLICIT_TUI_CORES", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 4096):
        raise BadSetting(f"IMPLICIT_TUI_CORES must be a whole number from 1, not {text[:40]!r}: unset it for all")
    return int(text)


def free_memory() -> int:
    """Bytes of main memory that can still be taken; the container's limit counts where there is one."""
    candidates = []
    available = re.search(r"MemAvailable:\s+(\d+) kB", _text("/proc/meminfo"))
    if available:
        candidates.append(int(available[1]) * 1024)
    limit, used = _text("/sys/fs/cgroup/memory.max").strip(), _text("/sys/fs/cgroup/memory.current").strip()
    if limit.isdigit() and used.isdigit():
        candidates.append(max(0, int(limit) - int(used)))
    if candidates:
        return min(candidates)
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError:
        return ""


def readable_bytes(n: float) -> str:
    """A size with a binary unit, as in 1.4 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} TiB"
