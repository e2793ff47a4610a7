"""What a script job prints, as records of its log: lines, their stream and level; never more than so much of one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rpc.kept_log import Record

LINE_BYTES = 64 << 10  # of one line; what is longer is cut and counted
_STATE_MS = 10_000  # between two states of a line that is written over and over

PROGRESS = "PROGRESS:"
_LEVELS = {"WARN": "w", "WARNING": "w", "ERROR": "e", "CRITICAL": "e", "FATAL": "e"}
_LEVEL = re.compile(rf"\b({'|'.join(_LEVELS)})\b")
_LOOKED_AT = 80  # characters in which loggers put the level
_TRACEBACK = "Traceback (most recent call last):"


class Lines:
    """The lines of one stream, from bytes as they come. Holds at most one line.

    A carriage return takes a line back to its start, as progress bars do: what is written then replaces what stood
    there, and a line that changes so for long is told now and then, as it stands.
    """

    def __init__(self, stream: str) -> None:
        """`stream` is a key of rpc.kept_log.STREAMS."""
        self._stream = stream
        self._begun = bytearray()
        self._left_out = 0
        self._is_at_start = False  # by a carriage return
        self._told_ms = 0

    def take(self, data: bytes, at_ms: int) -> Iterator[Record]:
        """Yield the lines that these bytes complete."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._add(data[start:end])
            yield self._line(at_ms)
            start = end + 1
        self._add(data[start:])
        if self._is_at_start and self._begun and at_ms >= self._told_ms + _STATE_MS:
            yield self._state(at_ms)

    def close(self, at_ms: int) -> Iterator[Record]:
        """Yield what stands without a line break at the end."""
        if self._begun or self._left_out:
            yield self._line(at_ms)

    def _add(self, data: bytes) -> None:
        written = data.rstrip(b"\r")
        start = written.rfind(b"\r") + 1
        if start or (written and self._is_at_start):
            self._begun.clear()
            self._left_out = 0
        if data:
            self._is_at_start = len(written) < len(data) or (self._is_at_start and not written)
        room = LINE_BYTES - len(self._begun)
        self._begun += written[start:][:room]
        self._left_out += max(0, len(written) - start - room)

    def _line(self, at_ms: int) -> Record:
        record = self._state(at_ms)
        self._begun.clear()
        self._left_out = 0
        self._is_at_start = False
        return record

    def _state(self, at_ms: int) -> Record:
        text = self._begun.decode("utf-8", "replace")
        if self._left_out:
            text += f" [{self._left_out:,} bytes left out]"
        self._told_ms = at_ms
        return Record(at_ms, self._stream, level_of(text), text)


def level_of(line: str) -> str:
    """The level of a line, a key of rpc.kept_log.LEVELS."""
    if line.startswith(PROGRESS):
        return "p"
    if line.startswith(_TRACEBACK):
        return "e"
    found = _LEVEL.search(line, 0, _LOOKED_AT)
    return _LEVELS[found[1]] if found else "i"
