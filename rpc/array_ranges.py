"""Which jobs an array has, as people write it: `1-100`, `1-9:2`, `1,4,7-9`, and `1-100%4` for four at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rpc.errors import BadRequest

MOST_MEMBERS = 10_000

_MOST_TEXT = 100_000  # characters; 10,000 numbers that have nothing in common
_PART = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9})(?::([0-9]{1,9}))?)?", re.ASCII)
_LIMIT = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_LEAST_RUN = 3  # numbers that are worth writing as a range


@dataclass(frozen=True, slots=True)
class ArrayRange:
    """The indexes of an array's jobs, ascending, and how many of them may be at work at a time (0: any number)."""

    indexes: tuple[int, ...]
    at_once: int = 0


def array_range(text: str) -> ArrayRange:
    """Return what is meant; an index that is named twice is one.

    Raises:
        BadRequest: it is of another form, or names too many jobs.
    """
    ranges, percent, limit = text.partition("%")
    if len(text) > _MOST_TEXT or (percent and not _LIMIT.fullmatch(limit)):
        raise _malformed(text)
    parts = [_part(part, text) for part in ranges.split(",")]
    total = sum(map(len, parts))
    if total > MOST_MEMBERS:
        raise BadRequest(f"array {text[:50]} has {total:,} jobs, of at most {MOST_MEMBERS:,}; submit several arrays")
    return ArrayRange(tuple(sorted({index for part in parts for index in part})), int(limit or 0))


def array_text(indexes: Sequence[int], at_once: int = 0) -> str:
    """Return how these, ascending, are written."""
    return ",".join(_runs(indexes)) + (f"%{at_once}" if at_once else "")


def _part(part: str, text: str) -> range:
    found = _PART.fullmatch(part)
    if found is None:
        raise _malformed(text)
    first, last, step = (int(each) if each else None for each in found.groups())
    assert first is not None
    if step == 0 or (last is not None and last < first):
        raise _malformed(text)
    return range(first, (first if last is None else last) + 1, step or 1)


def _malformed(text: str) -> BadRequest:
    return BadRequest(f"array must be such as 1-100, 1-9:2, 1,4,7-9 or 1-100%4 (4 at a time), not {text[:50]!r}")


def _runs(indexes: Sequence[int]) -> Iterator[str]:
    start = 0
    while start < len(indexes):
        end, step = start + 1, 1
        if end < len(indexes):
            step = indexes[end] - indexes[start]
        while end < len(indexes) and indexes[end] - indexes[end - 1] == step:
            end += 1
        if end - start < _LEAST_RUN:
            yield str(indexes[start])
            start += 1
            continue
        yield f"{indexes[start]}-{indexes[end - 1]}" + (f":{step}" if step > 1 else "")
        start = end
