"""Numbers that a script job tells of itself: lines of its output that begin with `PROGRESS:` and go on with JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping

from coordinator.store.changes import Measured
from rpc.kept_log import KeptLog, Record, records_of
from rpc.messages import PART_BYTES

PREFIX = "PROGRESS:"
_PREFIX_BYTES = PREFIX.encode()
MOST = 10_000  # numbers of one job that are kept
_MOST_NAMES = 50  # of one line
_MAX_NAME = 100
_STEPS = ("step", "epoch", "round", "iteration")
_LARGEST_STEP = 2**53  # up to which a float64 knows the next whole number


class Progress:
    """Counts the steps of one job, for lines that name none."""

    def __init__(self, n_known: int = 0, last_step: int = 0) -> None:
        """`n_known` numbers were taken before, up to this step."""
        self._lines = last_step
        self._taken = n_known

    def take(self, job_id: str, records: Iterable[Record], log_end: int) -> list[Measured]:
        """The numbers in these records, which end there; what is no such line, and what is too much, is left out."""
        found: list[Measured] = []
        for record in records:
            if record.level == "p" and self._taken + len(found) < MOST:
                values = numbers_in(record.text)
                if values:
                    self._lines += 1
                    step = step_in(values, self._lines)
                    at_ms = record.at_ms
                    found += [Measured(job_id, name, step, value, at_ms, log_end) for name, value in values.items()]
        self._taken += len(found)
        return found


def missed(log: KeptLog, known_to: int) -> list[Record]:
    """The `PROGRESS:` lines of a log from an offset on, which nobody has taken: the log is kept before they are."""
    found: list[Record] = []
    while known_to < log.end:
        piece = log.read(known_to, PART_BYTES)
        if _PREFIX_BYTES in piece.data:
            found += [record for record in records_of(piece.data) if record.level == "p"]
        known_to = max(piece.next, known_to + 1)
    return found[:MOST]


def step_in(values: Mapping[str, float], otherwise: int) -> int:
    """The step that these numbers are of, if they name one that a step can be."""
    named = next((values[name] for name in _STEPS if name in values), float(otherwise))
    return int(named) if abs(named) <= _LARGEST_STEP else otherwise


def numbers_in(line: str) -> dict[str, float]:
    """The finite numbers of a `PROGRESS:` line by name; empty for any other one."""
    try:
        told = json.loads(line.removeprefix(PREFIX))
    except (ValueError, RecursionError):
        return {}
    if not line.startswith(PREFIX) or not isinstance(told, dict):
        return {}
    values: dict[str, float] = {}
    for name, value in list(told.items())[:_MOST_NAMES]:
        if isinstance(value, int | float) and abs(value) <= 1e300 and math.isfinite(value):
            values[name[:_MAX_NAME]] = float(value)
    return values
