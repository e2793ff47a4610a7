"""The log of a script job, as it comes: records, part by part, from any offset on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from client.link import Link
from rpc.kept_log import Record, records_of
from rpc.messages import LogPage

_PART_BYTES = 1 << 20
_POLL_S = 10.0
_LINE_BYTES = 200  # of a line that is neither long nor short


@dataclass(frozen=True)
class LogPart:
    """A piece of a log.

    Attributes:
        records: its lines, in order; where some between are not kept, one of ours says so.
        next_offset: where to go on, in bytes.
        is_whole: the job is over, and nothing follows.
    """

    records: tuple[Record, ...]
    next_offset: int
    is_whole: bool


def log_parts(link: Link, job_id: str, *, offset: int = 0, follow: bool = False) -> Iterator[LogPart]:
    """Yield the parts of a log from a byte offset on; a negative one counts from the end.

    A lost connection is made anew for up to a minute.

    Args:
        follow: go on with what comes, until the job is over; while nothing comes there are parts without records.
    """
    waits_s = _POLL_S if follow else 0.0
    is_first = True
    while True:
        page: LogPage = link.call_again("logs", job_id, offset, _PART_BYTES, round(1000 * waits_s), waits_s=waits_s)
        log, start = bytes(page.log), page.start  # the page is good until the next call
        gap = 0 if is_first or not log else start - offset
        # A coordinator that came back has yet to hear from the node what it was told already.
        offset, is_first = max(offset, page.next_offset), False
        yield LogPart(_with_gap(records_of(log), gap), offset, page.is_whole)
        if page.is_whole or not (follow or log):
            return


def last_part(link: Link, job_id: str, n_records: int, levels: str) -> LogPart:
    """Return the last records of a log that have one of these levels, keys of rpc.kept_log.LEVELS."""
    n_bytes = _LINE_BYTES * max(1, n_records)
    while True:
        parts = list(log_parts(link, job_id, offset=-n_bytes))
        found = [record for part in parts for record in part.records if record.level in levels]
        if len(found) >= n_records or n_bytes >= parts[-1].next_offset:
            kept = found[max(0, len(found) - n_records) :]
            return LogPart(tuple(kept), parts[-1].next_offset, parts[-1].is_whole)
        n_bytes *= 8


def _with_gap(records: list[Record], gap: int) -> tuple[Record, ...]:
    if gap <= 0:
        return tuple(records)
    at_ms = records[0].at_ms if records else 0
    return (Record(at_ms, "s", "w", f"{gap:,} bytes of the log before this are not kept"), *records)
