"""The device on the status line, with a driver's command of our own in the place of the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.watch.device import Device

GPU: dict[str, object] = {
    "device": "cuda:1",
    "name": "NVIDIA H100 80GB",
    "uuid": "GPU-12ab",
    "memory_bytes": 85_000_000_000,
}


def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, first: str = ":") -> Path:
    """An nvidia-smi that notes how it was called."""
    command, called = tmp_path / "nvidia-smi", tmp_path / "called"
    command.write_text(f'#!/bin/sh\necho "$@" >> {called}\n{first}\nprintf "{says}"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return called


def test_a_gpu_has_its_name_memory_and_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = driver(tmp_path, monkeypatch, "3174, 81559, 45\\n")
    device = Device()
    # The first look starts the command and does not wait for it.
    assert device.text(GPU) == "cuda:1 NVIDIA H100 80GB"
    assert settled(device, GPU) == "cuda:1 NVIDIA H100 80GB · 3.1 of 79.6 GiB · 45 %"
    assert "--id=GPU-12ab" in called.read_text()
    device.text(GPU)
    # Asked once in two seconds, not at every look.
    assert len(called.read_text().splitlines()) == 1


def test_several_gpus_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = driver(tmp_path, monkeypatch, "1024, 81920, 40\\n2048, 81920, 60\\n")
    several: dict[str, object] = {"device": "cuda:0,2", "name": "2 × NVIDIA H100", "uuid": "GPU-12ab,GPU-34cd"}
    device = Device()
    assert settled(device, several) == "cuda:0,2 2 × NVIDIA H100 · 3.0 of 160.0 GiB · 50 %"
    assert "--id=GPU-12ab,GPU-34cd" in called.read_text()
    assert device.gpu == (0.5, 3072 * 2.0**20)


def settled(device: Device, environment: dict[str, object]) -> str:
    """What it says once the command has ended."""
    device.text(environment)
    if device._asked is not None:
        device._asked.wait(10)
    return device.text(environment)


def test_a_command_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, monkeypatch, "", first="exec sleep 60")
    monkeypatch.setattr("tui.watch.device._TIMEOUT_S", -10.0)
    device = Device()
    device.text(GPU)
    assert device._asked is not None
    asked = device._asked
    assert device.text(GPU) == "cuda:1 NVIDIA H100 80GB"
    assert asked.returncode is not None
    device.close()


@pytest.mark.parametrize("says", ["", "No devices were found\\n", "[N/A], 81559, [N/A]\\n"])
def test_a_driver_that_says_something_else_leaves_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    driver(tmp_path, monkeypatch, says)
    assert settled(Device(), GPU) == "cuda:1 NVIDIA H100 80GB"


def test_without_a_driver_the_device_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Device().text({"device": "cuda:0"}) == "cuda:0"
    assert Device().text({"device": "cpu", "name": "a processor"}) == "cpu"
    assert Device().text({}) == ""
