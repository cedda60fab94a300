"""The app in a browser: served on loopback, seen in headless Chromium, closed to other pages."""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui import logs
from tests.tui.chromium import PROGRAM, Chromium
from tests.waiting import until
from tui.commands import main


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def own_addresses() -> list[str]:
    """Where else than on loopback the machine answers; nowhere where its name leads nowhere."""
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    except OSError:
        return []
    return [str(address[4][0]) for address in found if not str(address[4][0]).startswith("127.")]


@contextlib.contextmanager
def served(target: str) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "tui.commands", "serve", target, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until(lambda: answers(port) == 200, 60.0)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(20)


def answers(port: int, headers: dict[str, str] | None = None, path: str = "/") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse().status
    except ConnectionError:
        return 0
    finally:
        connection.close()


def test_it_listens_on_loopback_alone_and_refuses_other_pages() -> None:
    with served("mf-depth") as port:
        own = f"127.0.0.1:{port}"
        assert answers(port, {"Origin": f"http://{own}"}) == 200
        assert answers(port, {"Origin": "http://evil.example"}) == 403
        assert answers(port, {"Host": "evil.example"}) == 403
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        upgrade |= {"Sec-WebSocket-Key": base64.b64encode(b"0" * 16).decode(), "Origin": "http://evil.example"}
        assert answers(port, upgrade, "/ws") == 403
        for address in own_addresses():
            with socket.socket() as one:
                assert one.connect_ex((address, port)) != 0


def test_bad_ports_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "70000"]) == 2
    assert "--port must be from 1 to 65535" in capsys.readouterr().err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "tui.commands", "serve", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "cannot be used" in done.stderr


@pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium on this machine")
def test_chromium_shows_a_run_and_its_keys_act(tmp_path: Path) -> None:
    """A screenshot with a chart's colours in it before and another picture after a key."""
    made = logs.run_in_state("ended")
    with served(made.id) as port, Chromium(tmp_path / "profile") as browser:
        browser.call("Page.enable")
        browser.call("Page.navigate", url=f"http://127.0.0.1:{port}/?fontsize=14")
        until(lambda: bool(browser.evaluate("!!document.querySelector('.xterm-screen canvas, .xterm-rows')")))

        def shot() -> bytes:
            return base64.b64decode(browser.call("Page.captureScreenshot", format="png")["data"])

        blank = len(shot())
        until(lambda: len(shot()) > max(20_000, 2 * blank) or len(shot()) > 40_000)
        before = shot()
        until(lambda: shot() == shot())
        before = shot()
        browser.evaluate("document.querySelector('.xterm-helper-textarea').focus()")
        browser.press("3")
        until(lambda: shot() != before)
        target = os.environ.get("KEEP_SCREENSHOT")
        if target:
            Path(target).write_bytes(shot())
