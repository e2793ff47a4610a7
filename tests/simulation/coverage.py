"""Which kind of fault struck attempts in which state, and which such pairs there can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

WANTED = 10  # strikes of every possible pair in 1,000 schedules


class FaultKind(StrEnum):
    KILL = "kill"  # the node's memory is gone, its connections are reset
    RESTART = "restart"  # the same, and it is back before anyone noticed
    PARTITION = "partition"  # nothing passes for a time, either way
    PAUSE = "pause"  # SIGSTOP: the node stands still for a time
    DELAY = "delay"  # a report takes long
    DUPLICATE = "duplicate"  # a report comes two or three times
    REORDER = "reorder"  # a report is overtaken by later events
    REJECT = "reject"
    GARBAGE = "garbage"  # an answer that is none, or a bad update
    SLOT_LOST = "slot lost"  # the attempt's connection breaks while it runs
    LOST_REPLY = "lost reply"  # the work is done, the answer never comes and the connection breaks


NODE_FAULTS = frozenset({FaultKind.KILL, FaultKind.RESTART, FaultKind.PARTITION, FaultKind.PAUSE})


class Column(StrEnum):
    """The state of the attempt that was struck: that of its task, or `moved` if that runs elsewhere now."""

    READY = "ready"
    DELAYED = "delayed"
    PLACED = "placed"
    MOVED = "moved"
    HELD = "held"
    FETCHING = "fetching"
    DONE = "done"
    DROPPED = "dropped"


GIVEN_UP = (Column.READY, Column.DELAYED, Column.MOVED, Column.DONE)
ONLY_LARGE = (Column.HELD, Column.FETCHING)  # states of attempts with a large delta

_NOTHING_ON_THE_WAY = "while a result is held on its node no report of it is on the way"
IMPOSSIBLE: Mapping[tuple[FaultKind, Column], str] = {
    (FaultKind.DELAY, Column.HELD): _NOTHING_ON_THE_WAY,
    (FaultKind.REORDER, Column.HELD): _NOTHING_ON_THE_WAY,
    (FaultKind.REJECT, Column.HELD): _NOTHING_ON_THE_WAY,
    (FaultKind.GARBAGE, Column.HELD): _NOTHING_ON_THE_WAY,
    (FaultKind.SLOT_LOST, Column.HELD): "a held result occupies no connection",
    (FaultKind.LOST_REPLY, Column.HELD): "a held result waits for no reply",
    (FaultKind.REJECT, Column.FETCHING): "a node can reject a task, not the fetching of its result",
    (FaultKind.DUPLICATE, Column.PLACED): "the second copy comes when the first has ended the placement",
}
POSSIBLE = tuple((kind, column) for kind in FaultKind for column in Column if (kind, column) not in IMPOSSIBLE)

Strikes = Counter[tuple[FaultKind, Column]]


def table(strikes: Strikes) -> str:
    """Fault kind x attempt state; a dash where there can be none."""
    lines = [f"{'':12}" + "".join(f"{column:>10}" for column in Column)]
    for kind in FaultKind:
        cells = ("-" if (kind, column) in IMPOSSIBLE else str(strikes[kind, column]) for column in Column)
        lines.append(f"{kind:12}" + "".join(f"{cell:>10}" for cell in cells))
    return "\n".join(lines)


def too_rare(strikes: Strikes) -> list[str]:
    """The possible pairs that occurred less often than wanted."""
    return [
        f"{kind} x {column}: {strikes[kind, column]}" for kind, column in POSSIBLE if strikes[kind, column] < WANTED
    ]
