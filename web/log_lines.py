"""The lines of a script job's log, each with the offset to go on from."""

from __future__ import annotations

from dataclasses import dataclass

from rpc.kept_log import Record, records_of
from rpc.messages import LogPage

# Of a record. An offset within one goes on after it, and nothing is lost by that; what is not kept is more than this.
_LONGEST_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line.

    Attributes:
        number: the byte offset after it: where to go on.
    """

    number: int
    record: Record


def lines_of(page: LogPage, asked: int) -> tuple[LogLine, ...]:
    """Return the lines of a page that was asked for from an offset on.

    Where what was asked for is not kept any more, the first line says so.
    """
    lines = []
    offset = page.start
    for line in bytes(page.log).split(b"\n")[:-1]:
        offset += len(line) + 1
        lines += [LogLine(offset, record) for record in records_of(line)]
    return (
        *(LogLine(page.start, record) for record in _lost(page, asked, lines[0].record.at_ms if lines else 0)),
        *lines,
    )


def records_in(page: LogPage, asked: int) -> list[Record]:
    """The records of such a page alone: in half the time."""
    records = records_of(bytes(page.log))
    return [*_lost(page, asked, records[0].at_ms if records else 0), *records]


def _lost(page: LogPage, asked: int, at_ms: int) -> list[Record]:
    gap = page.start - asked
    if not len(page.log) or asked < 0 or gap <= _LONGEST_BYTES:
        return []
    return [Record(at_ms, "s", "w", f"{gap:,} bytes of the log before this are not kept")]
