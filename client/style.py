"""Colours on a terminal, and none where nobody wants them (https://no-color.org)."""

from __future__ import annotations

import os
import shutil
import textwrap
from typing import TextIO

STATES = {
    "ready": "green",
    "completed": "green",
    "running": "cyan",
    "connecting": "yellow",
    "quarantined": "yellow",
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
        return line if not self.width or len(line) <= self.width else line[: self.width - 1] + "…"

    def wrap(self, line: str) -> list[str]:
        """Return the line as the lines that fit, those after the first further in than it."""
        if not self.width or len(line) <= self.width:
            return [line]
        indent = " " * (4 + len(line) - len(line.lstrip()))
        return textwrap.wrap(line, self.width, subsequent_indent=indent, break_on_hyphens=False)

    def paint(self, text: str, style: str) -> str:
        code = _CODES[style]
        return f"\x1b[{code}m{text}\x1b[0m" if code and self._has_colours else text

    def paint_word(self, line: str, word: str) -> str:
        """Return the line with the state that is a word of it in the colour of that state."""
        return line.replace(f" {word} ", f" {self.paint(word, STATES.get(word, ''))} ", 1)
