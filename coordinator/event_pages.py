"""Pages of the events that somebody asks for: nothing is told twice, and nothing is missed without a word."""

from __future__ import annotations

from coordinator.store.reading import Reader
from rpc.messages import EventPage, EventQuery

_COUNTED = 10_000  # events that were left out: more are not counted, which would take too long


def event_page(query: EventQuery, reader: Reader) -> EventPage:
    """Return the events that are asked for, and after which number to ask for the next; on a thread."""
    last = reader.last_event()  # before the question: nothing between the two is missed
    events = reader.find_events(query)
    first, newest = (events[0].number, events[-1].number) if events else (0, 0)
    is_full = bool(query.after) and len(events) == query.limit
    if is_full and not query.newest:
        return EventPage(events, newest)
    left_out = reader.count_events(query, before=first, most=_COUNTED) if is_full else 0
    # What came after the first question may be in the answer to the second, and must not be told again.
    return EventPage(events, max(last, query.after, newest), left_out)
