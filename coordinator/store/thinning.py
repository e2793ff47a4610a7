"""Keeps the event table small: the oldest events of ended work, and of nodes, give way to their counts."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, delete, select, update

from coordinator.core.model import WorkState
from coordinator.store.schema import event, event_thinned, work

_AT_ONCE = 500  # works looked at in one call
_ENDED = tuple(state.value for state in WorkState if state.is_final)


def thin_events(connection: Connection, *, keep: int, at_most: int) -> int:
    """Remove up to `at_most` events beyond the newest `keep` of each; return how many."""
    removed = _thin(connection, "", keep=keep, at_most=at_most)
    unseen = select(work.c.id).where(work.c.state.in_(_ENDED), work.c.is_thinned.is_(False))
    for of in connection.execute(unseen.order_by(work.c.number).limit(_AT_ONCE)).scalars().all():
        if removed == at_most:
            break
        removed += _thin(connection, of, keep=keep, at_most=at_most - removed)
        if removed < at_most:  # so this work has no more to give
            connection.execute(update(work).where(work.c.id == of).values(is_thinned=True))
    return removed


def _thin(connection: Connection, of: str, *, keep: int, at_most: int) -> int:
    """Remove up to `at_most` of the events of a work, or of the nodes (""), beyond the newest `keep`."""
    newest = select(event.c.number).where(event.c.work == of).order_by(event.c.number.desc())
    last_to_go = connection.execute(newest.offset(keep).limit(1)).scalar()
    if last_to_go is None:
        return 0
    surplus = select(event.c.number, event.c.kind).where(event.c.work == of, event.c.number <= last_to_go)
    rows = connection.execute(surplus.order_by(event.c.number).limit(at_most)).all()
    _count(connection, of, Counter(row.kind for row in rows))
    connection.execute(delete(event).where(event.c.work == of, event.c.number <= rows[-1].number))
    return len(rows)


def _count(connection: Connection, of: str, removed: Counter[str]) -> None:
    for kind, count in removed.items():
        mine = (event_thinned.c.work == of, event_thinned.c.kind == kind)
        more = update(event_thinned).where(*mine).values(count=event_thinned.c.count + count)
        if not connection.execute(more).rowcount:
            connection.execute(event_thinned.insert().values(work=of, kind=kind, count=count))
