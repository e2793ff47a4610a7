"""Why a node is used, or is not."""

from __future__ import annotations

from collections.abc import Iterator

from coordinator.store.failures import StoreDown
from coordinator.store.reading import Reader
from coordinator.why.history import not_told, of_event, one_by_one
from coordinator.why.now import NodeNow
from coordinator.why.words import counted, listed, seconds
from rpc.messages import EventQuery, EventRow, NodeRow, Reason, Why

_EVENTS = 50
_SHOWN = 8

_RESUME = "`client.py nodes resume {id}` takes it back"

# Of each state: what it means, the events that may have brought it about, and what to do.
_STATES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "connecting": ("is dialled and has not answered", (), "compare HOST:PORT with what the node printed at its start"),
    "ready": ("gets tasks", (), ""),
    "draining": ("finishes what runs and gets nothing new", ("drained",), _RESUME),
    "drained": ("gets nothing new: somebody drained it", ("drained",), _RESUME),
    "leaving": ("ends soon: it was told to stop, and finishes what runs", (), ""),
    "quarantined": (
        "gets nothing for a while: it failed again and again",
        ("quarantined",),
        "see its log; `client.py nodes readmit {id}` ends the quarantine",
    ),
    "lost": ("is not connected", ("node lost", "node left"), "see that it runs; it is used again when it is back"),
    "removed": ("was removed", ("node lost", "node left"), _RESUME),
}


def why_node(node: NodeNow, reader: Reader, now_ms: int) -> Why:
    """Return the answer; on a thread."""
    row = node.row
    meaning, kinds, advice = _STATES.get(row.state, (f"is {row.state}", (), ""))
    events: tuple[EventRow, ...] = ()
    try:
        events = reader.find_events(EventQuery(node=row.id, limit=_EVENTS))
        history = (*one_by_one(reader.failures(node_id=row.id), of_node=True), *map(of_event, _others(events)))
    except StoreDown as error:
        history = (not_told(error),)
    cause = next((each for each in reversed(events) if each.kind in kinds), None)
    reasons = (
        Reason("node", _because(row, cause), cause.at_ms if cause else 0, advice.format(id=row.id)),
        *_facts(node, now_ms),
        *history,
    )
    return Why("node", row.id, row.state, f"{row.id} {meaning}.", reasons)


def _because(row: NodeRow, cause: EventRow | None) -> str:
    """What brought the state about; what the matter is now, where that is something else, comes behind it."""
    if cause is None or (cause.message and cause.message in row.reason):
        usual = "connected and trusted" if row.state == "ready" else f"{row.state}, with no more said of it"
        return row.reason or usual
    told = f"{cause.kind}: {cause.message}" if cause.message else cause.kind
    return f"{told}; now: {row.reason}" if row.reason else told


def _facts(node: NodeNow, now_ms: int) -> Iterator[Reason]:
    row = node.row
    if row.until_ms > now_ms:
        yield Reason("node", f"its quarantine ends in {seconds((row.until_ms - now_ms) / 1000)}")
    if row.slots:
        doing = f", now: {listed(node.tasks)}" if node.tasks else ""
        yield Reason("tasks", f"{row.running} of {counted(row.slots, 'slot')} in use{doing}")
        yield Reason("tasks", f"{counted(row.done, 'task')} done, {row.rejected} rejected, {row.failed} failed")


def _others(events: tuple[EventRow, ...]) -> list[EventRow]:
    """What else happened to the node itself, the latest; what failed there stands above."""
    return [each for each in events if not each.work][-_SHOWN:]
