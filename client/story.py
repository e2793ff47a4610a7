"""What the events of a run say to a person, one line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rpc.messages import EventRow

# Kinds that are told as they are, and kinds that need to say where they happened. The others (every task that
# starts, every polite rejection) would bury these.
_STEPS = frozenset({"surveyed", "damaged", "stopping", "max time"})
_TROUBLE = frozenset({"failed", "lost", "node lost", "quarantined", "readmitted", "second attempt", "stale"})


def tell(events: Iterable[EventRow], rounds: int, *, is_job: bool = False) -> Iterator[str]:
    """Yield a line for each event that a person wants to see as it happens.

    Args:
        rounds: of the whole run.
        is_job: there are no rounds and shards.
    """
    for event in events:
        if event.kind == "round done":
            yield f"round {event.round} of {rounds}: {event.message}"
        elif event.kind in _STEPS:
            yield f"{event.kind}: {event.message}"
        elif event.kind in _TROUBLE and event.node:  # without a node it is the end of the run, told at the end
            place = f"node {event.node}" if is_job else place_of(event)
            yield f"{event.kind}: {place}: {event.message}"


def shard_name(shard: int) -> str:
    """Return what people call the shard with this index: they count from 1."""
    return f"shard {shard + 1}"


def place_of(event: EventRow) -> str:
    """Where an event happened: node, round and shard as far as they are known."""
    parts = (
        f"node {event.node}" if event.node else "",
        f"round {event.round}" if event.round else "",
        shard_name(event.shard) if event.shard >= 0 else "",
    )
    return ", ".join(filter(None, parts))
