"""What a terminal shows: as much of one as Textual writes to, and a program in it that is typed to and read."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Sequence

from rich.cells import cell_len

from bench.terminal import Terminal

# A control sequence, a string up to its end (title, clipboard, device), a two-letter escape, or the beginning of one.
_TOKEN = re.compile(
    r"\x1b\[(?P<given>[0-9:;<=>?]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
    r"|(?P<begun>\x1b.*\Z)"
    r"|(?P<control>[\x00-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)",
    re.DOTALL,
)
KEYS = {
    "enter": b"\r",
    "tab": b"\t",
    "space": b" ",
    "escape": b"\x1b",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "home": b"\x1b[H",
    "end": b"\x1b[F",
    "f2": b"\x1bOQ",
    "f3": b"\x1bOR",
    "f5": b"\x1b[15~",
    "f6": b"\x1b[17~",
    "f7": b"\x1b[18~",
    "f8": b"\x1b[19~",
}
"""What a terminal sends for a key that is no letter."""


class Screen:
    """Cells of text, without colours: the cursor goes where it is sent, text is written, lines are erased."""

    def __init__(self, columns: int, rows: int) -> None:
        self._columns, self._rows = columns, rows
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._row = self._column = 0
        self._cells = [[" "] * columns for _ in range(rows)]

    @property
    def text(self) -> str:
        """Line by line, without what is empty at their ends."""
        return "\n".join("".join(line).rstrip() for line in self._cells)

    def feed(self, painted: bytes) -> None:
        """Takes up what a program writes; what is cut anywhere goes on with the next piece."""
        text, self._rest = self._rest + self._decoder.decode(painted), ""
        for token in _TOKEN.finditer(text):
            if token["begun"]:
                self._rest = token["begun"]
            elif token["final"]:
                self._control(token["given"], token["final"])
            elif token["control"]:
                self._move(token["control"])
            elif token["text"]:
                self._write(token["text"])

    def _control(self, given: str, final: str) -> None:
        if given.startswith("?"):
            if given[1:] == "1049":
                # The other screen begins, and is left, empty.
                self._erase(0, self._rows * self._columns)
            return
        numbers = [int(number) for number in re.findall(r"\d+", given)]
        first = numbers[0] if numbers else 0
        here = self._row * self._columns + self._column
        if final in "Hf":
            row, column = (*numbers, 1, 1)[:2] if numbers else (1, 1)
            self._go(row - 1, column - 1)
        elif final in "ABCD":
            down, right = {"A": (-1, 0), "B": (1, 0), "C": (0, 1), "D": (0, -1)}[final]
            self._go(self._row + down * max(first, 1), self._column + right * max(first, 1))
        elif final == "J":
            self._erase(here if first == 0 else 0, here + 1 if first == 1 else self._rows * self._columns)
        elif final == "K":
            start, end = self._row * self._columns, (self._row + 1) * self._columns
            self._erase(here if first == 0 else start, here + 1 if first == 1 else end)

    def _move(self, control: str) -> None:
        if control == "\r":
            self._go(self._row, 0)
        elif control == "\n":
            self._go(self._row + 1, self._column)
        elif control == "\b":
            self._go(self._row, self._column - 1)

    def _go(self, row: int, column: int) -> None:
        self._row, self._column = min(max(row, 0), self._rows - 1), min(max(column, 0), self._columns - 1)

    def _write(self, text: str) -> None:
        for letter in text:
            width = cell_len(letter)
            if self._column + width <= self._columns:
                self._cells[self._row][self._column : self._column + width] = [letter, *[""] * (width - 1)][:width]
                self._column += width

    def _erase(self, start: int, end: int) -> None:
        for place in range(start, end):
            self._cells[place // self._columns][place % self._columns] = " "


class Watched:
    """A program in a terminal of its own, as the person before it has it: keys, and what the screen shows."""

    def __init__(
        self, arguments: Sequence[str], size: tuple[int, int] = (120, 40), environment: dict[str, str] | None = None
    ) -> None:
        self.terminal = Terminal(arguments, size, environment)
        self.screen = Screen(*size)
        self._fed = 0

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *error: object) -> None:
        self.terminal.__exit__(None, None, None)

    def press(self, *keys: str) -> None:
        """Keys by name, or letters."""
        self.terminal.press(b"".join(KEYS[key] if len(key) > 1 else key.encode() for key in keys))

    def until(self, is_there: Callable[[str], object], seconds: float = 60.0) -> str:
        """What the screen shows as soon as that fulfils the condition. Raises TimeoutError with what it shows."""
        spent = 0.0
        while not is_there(self._shown()):
            if spent >= seconds:
                raise TimeoutError(f"it did not happen; the screen shows\n{self.screen.text}")
            self.terminal.read(0.05)
            spent += 0.05
        return self.screen.text

    def still(self, seconds: float = 0.15) -> str:
        """What the screen shows when nothing has been painted for a while, and the program has nothing to do.

        On a machine that is busy with others the one does not follow from the other.
        """
        while self.terminal.read(seconds) or self.terminal.is_busy():
            pass
        return self._shown()

    def _shown(self) -> str:
        painted = bytes(self.terminal.output[self._fed :])
        self._fed += len(painted)
        self.screen.feed(painted)
        return self.screen.text
