"""What a script job prints, as records of its log: lines, their stream and level; never more than so much of one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rpc.kept_log import Record

LINE_BYTES = 64 << 10  # of one line; what is longer is cut and counted

PROGRESS = "PROGRESS:"
_LEVELS = {"WARN": "w", "WARNING": "w", "ERROR": "e", "CRITICAL": "e", "FATAL": "e"}
_LEVEL = re.compile(rf"\b({'|'.join(_LEVELS)})\b")
_LOOKED_AT = 80  # characters in which loggers put the level
_TRACEBACK = "Traceback (most recent call last):"


class Lines:
    """The lines of one stream, from bytes as they come. Holds at most one line."""

    def __init__(self, stream: str) -> None:
        """`stream` is a key of rpc.kept_log.STREAMS."""
        self._stream = stream
        self._begun = bytearray()
        self._left_out = 0

    def take(self, data: bytes, at_ms: int) -> Iterator[Record]:
        """Yield the lines that these bytes complete."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._add(data[start:end])
            yield self._line(at_ms)
            start = end + 1
        self._add(data[start:])

    def close(self, at_ms: int) -> Iterator[Record]:
        """Yield what stands without a line break at the end."""
        if self._begun or self._left_out:
            yield self._line(at_ms)

    def _add(self, data: bytes) -> None:
        room = LINE_BYTES - len(self._begun)
        self._begun += data[:room]
        self._left_out += max(0, len(data) - room)

    def _line(self, at_ms: int) -> Record:
        text = shown(self._begun.decode("utf-8", "replace"))
        if self._left_out:
            text += f" [{self._left_out:,} bytes left out]"
        self._begun.clear()
        self._left_out = 0
        return Record(at_ms, self._stream, level_of(text), text)


def shown(line: str) -> str:
    """What a terminal shows of a line: a progress bar writes over itself after each carriage return."""
    return line.rstrip("\r").rpartition("\r")[2]


def level_of(line: str) -> str:
    """The level of a line, a key of rpc.kept_log.LEVELS."""
    if line.startswith(PROGRESS):
        return "p"
    if line.startswith(_TRACEBACK):
        return "e"
    found = _LEVEL.search(line, 0, _LOOKED_AT)
    return _LEVELS[found[1]] if found else "i"
