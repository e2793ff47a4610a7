"""Lines on a terminal: as wide as it is, and in colour unless nobody wants that (https://no-color.org)."""

from __future__ import annotations

import os
import shutil
import textwrap
from typing import TextIO

from client.columns import columns_of, cut
from rpc.plain_text import plain

STATES = {
    "ready": "green",
    "completed": "green",
    "running": "cyan",
    "connecting": "yellow",
    "draining": "yellow",
    "drained": "yellow",
    "leaving": "yellow",
    "quarantined": "yellow",
    "cancelled": "yellow",
    "lost": "red",
    "failed": "red",
}
_CODES = {"green": "32", "cyan": "36", "yellow": "33", "red": "31", "bold": "1", "dim": "2", "": ""}


class Style:
    """How lines are written to a stream.

    Attributes:
        width: columns of the terminal; 0 where lines may be of any length.
    """

    def __init__(self, stream: TextIO) -> None:
        is_terminal = stream.isatty()
        self._has_colours = is_terminal and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")
        self.width = shutil.get_terminal_size().columns if is_terminal else 0

    def fit(self, line: str) -> str:
        """Return the line, cut where it does not fit."""
        line = plain(line)
        return cut(line, self.width) if self.width else line

    def wrap(self, line: str, indent: int | None = None) -> list[str]:
        """Return the line as the lines that fit.

        Args:
            indent: of those after the first; None: a little further in than the first.
        """
        line = plain(line)
        if not self.width or columns_of(line) <= self.width:
            return [line]
        further = 4 + len(line) - len(line.lstrip()) if indent is None else indent
        inset = " " * min(further, self.width // 2)
        return textwrap.wrap(line, self.width, subsequent_indent=inset, break_on_hyphens=False)

    def paint(self, text: str, style: str) -> str:
        code = _CODES[style]
        return f"\x1b[{code}m{text}\x1b[0m" if code and self._has_colours else text

    def paint_word(self, line: str, word: str) -> str:
        """Return the line with the state that is a word of it in the colour of that state."""
        return f"{line} ".replace(f" {word} ", f" {self.paint(word, STATES.get(word, ''))} ", 1)[:-1]
