"""Which events are asked for, in terms of the database."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, select

from coordinator.store.schema import event, work
from coordinator.store.thinning import ROUTINE
from rpc.messages import EventQuery


def wanted(query: EventQuery, kinds: Collection[str] = ()) -> list[ColumnElement[bool]]:
    """What holds of the events that are asked for, of any of these kinds if some are given."""
    conditions = [event.c.number > query.after]
    conditions += [event.c.work == query.work] if query.work else []
    conditions += [event.c.node == query.node, event.c.node != ""] if query.node else []
    if query.owner:
        conditions.append(event.c.work.in_(select(work.c.id).where(work.c.owner == query.owner)))
    conditions += [event.c.kind.in_(kinds)] if kinds else []
    conditions += [event.c.kind.not_in(ROUTINE)] if query.notable else []
    conditions += _since(query.since_ms) if query.since_ms else []
    return conditions


def _since(at_ms: int) -> list[ColumnElement[bool]]:
    """Events from a time on; those before the first of them by number need not be looked at."""
    first = select(event.c.number).where(event.c.at_ms >= at_ms).order_by(event.c.at_ms, event.c.number).limit(1)
    return [event.c.at_ms >= at_ms, event.c.number >= first.scalar_subquery()]
