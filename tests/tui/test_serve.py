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
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

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


class Served(NamedTuple):
    """A server under way."""

    port: int
    address: str
    """What it told its owner to open."""
    pid: int

    @property
    def token(self) -> str:
        return parse_qs(urlsplit(self.address).query)["token"][0]


@contextlib.contextmanager
def served(target: str) -> Iterator[Served]:
    port = free_port()
    command = [sys.executable, "-m", "tui.commands", "serve", target, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stderr is not None
        address = process.stderr.readline().decode().split()[1]
        until(lambda: answers(port) == 403, 60.0)
        yield Served(port, address, process.pid)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=20)


def asked(port: int, path: str = "/", headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of an answer; status 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode(errors="replace")
    except ConnectionError:
        return 0, {}, ""
    finally:
        connection.close()


def answers(port: int, path: str = "/", headers: dict[str, str] | None = None) -> int:
    return asked(port, path, headers)[0]


def let_in(server: Served) -> dict[str, str]:
    """The cookie that the printed address is traded for."""
    status, headers, _ = asked(server.port, f"/?token={server.token}&fontsize=14")
    assert (status, headers["Location"]) == (303, "/?fontsize=14"), "the token leaves the address"
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    return {"Cookie": cookie.partition(";")[0]}


def upgrade(origin: str | None) -> dict[str, str]:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": base64.b64encode(b"0" * 16).decode()}
    return headers if origin is None else headers | {"Origin": origin}


def opened_session(port: int, headers: dict[str, str]) -> socket.socket:
    """A websocket that is left open, after its handshake was answered."""
    one = socket.create_connection(("127.0.0.1", port), timeout=20)
    lines = ["GET /ws?width=80&height=24 HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    one.sendall("\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode())
    assert b" 101 " in one.recv(4096)
    return one


def children(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


def test_nobody_is_let_in_without_the_token() -> None:
    """No page, no file and no websocket for another user, another page or another name of this machine."""
    with served("mf-depth") as server:
        port, own = server.port, f"http://127.0.0.1:{server.port}"
        assert answers(port, "/?token=wrong") == 403
        assert answers(port, "/static/css/xterm.css") == 403
        assert answers(port, "/ws", upgrade(own)) == 403
        cookie = let_in(server)
        assert answers(port, "/", cookie) == 200
        assert answers(port, "/static/css/xterm.css", cookie) == 200
        assert answers(port, "/static/", cookie) == 404, "no list of files"
        assert answers(port, "/", cookie | {"Host": "evil.example"}) == 403
        assert answers(port, "/ws", cookie | upgrade(None)) == 403
        assert answers(port, "/ws", cookie | upgrade("http://evil.example")) == 403
        for address in own_addresses():
            with socket.socket() as one:
                assert one.connect_ex((address, port)) != 0


def test_a_tunnel_from_another_port_works() -> None:
    """As through ssh -L 9000:…: the page asks for files and websocket where it came from itself."""
    with served("mf-depth") as server:
        cookie = let_in(server)
        status, headers, page = asked(server.port, "/", cookie | {"Host": "localhost:9000"})
        assert status == 200
        assert "ws://localhost:9000/ws" in page
        assert f":{server.port}" not in page
        assert "ws://localhost:9000" in headers["Content-Security-Policy"]


def test_four_sessions_at_most_each_ended_with_its_connection() -> None:
    with served("mf-depth") as server:
        headers = let_in(server) | upgrade(f"http://127.0.0.1:{server.port}")
        sessions = [opened_session(server.port, headers) for _ in range(4)]
        until(lambda: len(children(server.pid)) == 4)
        assert answers(server.port, "/ws", headers) == 503
        for one in sessions:
            one.close()
        until(lambda: not children(server.pid), 60.0)
        opened_session(server.port, headers).close()


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
    with served(made.id) as server, Chromium(tmp_path / "profile") as browser:
        browser.call("Page.enable")
        browser.call("Page.navigate", url=f"{server.address}&fontsize=14")
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
