"""What the device of a run is called, and how much of it is in use: asked of the driver, as no torch is loaded here."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Mapping

_EVERY_S = 2.0
_TIMEOUT_S = 5.0
_QUERY = "--query-gpu=memory.used,memory.total,utilization.gpu"


class Device:
    """Name, memory and use of the device that run.json names; a GPU's are asked anew every two seconds.

    The driver's command may take long: ``text`` starts it and never waits for it.
    """

    def __init__(self) -> None:
        self._next = 0.0
        self._use = ""
        self.gpu: tuple[float, float] | None = None
        """The share of a GPU that is busy, and its bytes in use; None where that is not known."""
        self._asked: subprocess.Popen[str] | None = None

    def text(self, environment: Mapping[str, object], *, is_live: bool = True) -> str:
        """As in ``cuda:0 NVIDIA H100 · 3.1 of 80.0 GiB · 45 %``, or the bare device where no more is known.

        Of several GPUs the memory is added up, and the use is their mean. What is in use is of interest while the run
        is live.
        """
        device = str(environment.get("device", ""))
        if not device.startswith("cuda"):
            return device
        self._hear()
        if not is_live:
            self._use = ""
        elif self._asked is None and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_S
            self._ask(str(environment.get("uuid") or device.partition(":")[2] or "0"))
        name = re.sub(r"\s+", " ", str(environment.get("name", "")))
        return " · ".join(part for part in (f"{device} {name}".strip(), self._use) if part)

    def close(self) -> None:
        """Lets go of a command that still runs."""
        if self._asked is not None:
            self._asked.kill()
            self._asked.communicate()
            self._asked = None

    def _ask(self, which: str) -> None:
        command = shutil.which("nvidia-smi")
        if command is None:
            return
        try:
            self._asked = subprocess.Popen(
                [command, f"--id={which}", _QUERY, "--format=csv,noheader,nounits"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except OSError:
            self._asked = None

    def _hear(self) -> None:
        if self._asked is None:
            return
        if self._asked.poll() is None:
            if time.monotonic() > self._next + _TIMEOUT_S:
                self.close()
                self._use = ""
            return
        said, _ = self._asked.communicate()
        self._asked = None
        try:
            rows = [[float(value) for value in line.split(",")] for line in said.strip().splitlines()]
            (used, total, busy) = (sum(column) for column in zip(*rows, strict=True))
        except ValueError:
            self._use = ""
        else:
            busy /= len(rows)
            self.gpu = busy / 100.0, used * 2.0**20
            self._use = f"{used / 1024:.1f} of {total / 1024:.1f} GiB · {busy:.0f} %"
