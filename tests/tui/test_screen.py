"""The terminal that tests read: it shows what the app means to show, however its bytes are cut."""

from __future__ import annotations

import pytest

from bench.terminal import COMMAND
from tests.tui import logs
from tests.tui.driving import caught_up, opened, text_of
from tests.tui.screen import Screen, Watched


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("one\r\ntwo", "one\ntwo"),
        ("\x1b[2;3Hx\x1b[Hy", "y\n  x"),
        ("abc\b\x1b[31;1mz\x1b[0m", "abz"),
        ("abcdef\x1b[1;3H\x1b[K", "ab"),
        ("abcdef\x1b[1;3H\x1b[1K", "   def"),
        ("abc\r\ndef\x1b[1;2H\x1b[J", "a"),
        ("abc\x1b[2J", ""),
        ("\x1b[4B\x1b[2Cx\x1b[9A\x1b[Dy", "  y\n\n  x"),
        ("old\x1b[?1049h\x1b[?25lnew", "   new"),
        ("a\x1b]0;title\x07b\x1b]52;c;QQ==\x1b\\c\x1bP+q\x1b\\d\x1b(Be\x1b[>4;1mf", "abcdef"),
        ("漢x\x1b[2;1H⠿σ", "漢x\n⠿σ"),
        ("abcdefghijkl", "abcdefghij"),
    ],
)
def test_what_is_written_is_shown_where_the_cursor_is(written: str, shown: str) -> None:
    whole = Screen(10, 3)
    whole.feed(written.encode())
    assert whole.text.rstrip("\n") == shown
    in_pieces = Screen(10, 3)
    for byte in written.encode():
        in_pieces.feed(bytes([byte]))
    assert in_pieces.text == whole.text


@pytest.mark.usefixtures("stand_in")
async def test_it_shows_what_the_app_composes() -> None:
    """The same run in the app itself and in a terminal, after some keys: the two texts are one."""
    keys = ["2", "l", "l", "5", "z", "1", "z"]
    made = logs.run_in_state("ended")
    with Watched([COMMAND, made.id]) as watched:
        watched.until(lambda shown: "converged" in shown and "⢀" in shown)
        watched.still()
        for key in keys:
            watched.press(key)
            watched.still()
        shown = watched.still(0.5)
    async with opened(run=made) as pilot:
        await caught_up(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.1)
        await pilot.pause(0.3)
        assert shown == text_of(pilot)
