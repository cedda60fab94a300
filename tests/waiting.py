"""Waiting for something to happen, for a while at most."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

_PAUSE = threading.Event()


def until(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    """Returns as soon as the condition holds; fails where it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        _PAUSE.wait(0.01)


def stays(condition: Callable[[], Any], seconds: float = 0.3) -> bool:
    """Whether the condition holds for a while on end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            return False
        _PAUSE.wait(0.01)
    return True
