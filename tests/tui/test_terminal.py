"""What goes over the wire: the app in a terminal of its own, its bytes counted and read."""

from __future__ import annotations

import re

import pytest

from bench import recorded
from bench.terminal import COMMAND, Terminal, has_points

SSH = {"SSH_CONNECTION": "127.0.0.1 1 127.0.0.1 22"}
SECONDS = 4.0


def styles(painted: bytes) -> set[bytes]:
    return set(re.findall(rb"\x1b\[([0-9;]*)m", painted))


@pytest.mark.parametrize(("environment", "limit"), [({}, 30_000), (SSH, 15_000)], ids=["near", "ssh"])
def test_a_live_run_of_ten_lanes_keeps_to_the_bytes_of_a_thin_connection(
    environment: dict[str, str], limit: int
) -> None:
    """120 × 40, ten frames a second in each lane; what is painted in some seconds after the first picture."""
    with recorded.growing(10, 10.0, 400) as run, Terminal([COMMAND, run.id], environment=environment) as terminal:
        terminal.read_until(has_points)
        terminal.read(1.5)
        painted = terminal.read(SECONDS)
        assert painted, "it goes on"
        assert len(painted) / SECONDS <= limit


def test_a_run_that_stands_still_paints_nothing() -> None:
    run = recorded.finished(3, 200)
    with Terminal([COMMAND, run.id]) as terminal:
        terminal.read_until(lambda painted: b"converged" in painted)
        terminal.read(3.0)
        assert terminal.read(2.0) == b""
        terminal.press(b"3")
        terminal.read_until(lambda painted: b"training" in painted)


@pytest.mark.parametrize(
    ("environment", "colours"),
    [
        ({}, b"38;5"),
        ({"TERM": "xterm"}, None),
        ({"TERM": "linux"}, None),
        ({"TERM": "screen"}, None),
        ({"COLORTERM": "truecolor"}, b"38;2"),
        ({"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, b"38;5"),
    ],
    ids=["256", "xterm", "linux", "screen", "truecolor", "posix"],
)
def test_terminals_get_the_colours_they_have(environment: dict[str, str], colours: bytes | None) -> None:
    """Sixteen where there are no more, from the terminal's own; the state is a word and a sign in any case."""
    run = recorded.finished(2, 50)
    with Terminal([COMMAND, run.id], environment=environment) as terminal:
        terminal.read_until(lambda painted: b"converged" in painted)
        terminal.read(0.5)
        found = styles(bytes(terminal.output))
    if colours is None:
        assert not any(b"38;5" in style or b"38;2" in style or b"48;5" in style for style in found)
    else:
        assert any(colours in style for style in found)
    assert "✓".encode() in terminal.output


def test_without_colours_everything_is_grey() -> None:
    run = recorded.finished(2, 50)
    with Terminal([COMMAND, run.id], environment={"NO_COLOR": "1", "COLORTERM": "truecolor"}) as terminal:
        terminal.read_until(lambda painted: b"converged" in painted)
        for style in styles(bytes(terminal.output)):
            for red, green, blue in re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", style):
                assert red == green == blue


def test_no_terminal_or_a_dumb_one_is_one_sentence() -> None:
    with Terminal([COMMAND], environment={"TERM": "dumb"}) as terminal:
        painted = terminal.read(5.0)
        assert painted.count(b"\n") == 1
        assert b"implicit-tui run" in painted
        assert b"\x1b" not in painted


@pytest.mark.parametrize("size", [(60, 15), (40, 12)], ids=["60x15", "40x12"])
def test_small_terminals_show_a_chart_and_the_state(size: tuple[int, int]) -> None:
    run = recorded.finished(2, 50)
    with Terminal([COMMAND, run.id], size=size) as terminal:
        terminal.read_until(lambda painted: b"converged" in painted and has_points(painted))
        terminal.resize(30, 8)
        terminal.read_until(lambda painted: b"too small" in painted)
        terminal.resize(*size)
        terminal.read_until(has_points)
        assert terminal.is_alive()


def test_quitting_gives_the_terminal_back() -> None:
    with Terminal([COMMAND]) as terminal:
        terminal.read_until(lambda painted: b"mf-depth" in painted)
        terminal.press(b"q")
        terminal.read_until(lambda painted: b"\x1b[?1049l" in painted)
        terminal.read(1.0)
        assert b"\x1b[?25h" in terminal.output
