"""Keeps the event table small: old events, and those that are very many, give way to their counts.

What went wrong, and what people decided, is kept longer than what went as it should.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from coordinator.core.model import WorkState
from coordinator.store.schema import attempt, event, event_thinned, work

_AT_ONCE = 500  # works looked at in one call
_ENDED = tuple(state.value for state in WorkState if state.is_final)
_DAY_MS = 86_400_000

ROUTINE = ("round done", "rejected", "stale")  # what buries everything else
_ORDINARY = event.c.kind.in_((*ROUTINE, "surveyed", "node up"))
_TIMES = 4  # as long, and as many, for all others


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days ordinary events are kept, and how many of one work, or of the nodes; others four times that."""

    days: float = 30.0
    rows: int = 10_000

    def rules(self, now_ms: int) -> tuple[_Rule, ...]:
        """What goes at this time."""
        return (
            _Rule(_ORDINARY, now_ms - round(self.days * _DAY_MS), self.rows),
            _Rule(~_ORDINARY, now_ms - round(_TIMES * self.days * _DAY_MS), _TIMES * self.rows),
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    """Of these events those before a time go, and those beyond the newest `keep` of each work."""

    which: ColumnElement[bool]
    before_ms: int
    keep: int


def thin_events(connection: Connection, retention: Retention, *, now_ms: int, at_most: int) -> int:
    """Remove up to about `at_most` events, and attempts, that are not to be kept; return how many."""
    removed, rules = 0, retention.rules(now_ms)
    for rule in rules:
        removed += _remove(connection, and_(rule.which, event.c.at_ms < rule.before_ms), at_most - removed)
    connection.execute(delete(attempt).where(attempt.c.at_ms < rules[1].before_ms))
    for of in ("", *_works(connection, work.c.state == WorkState.RUNNING.value)):
        removed += _thin_all(connection, of, rules, at_most - removed)
    # Ended work gets no more of them: it is looked at until it has no more to give.
    for of in _works(connection, and_(work.c.state.in_(_ENDED), work.c.is_thinned.is_(False))):
        removed += _thin_all(connection, of, rules, at_most - removed)
        if removed < at_most:
            connection.execute(update(work).where(work.c.id == of).values(is_thinned=True))
    return removed


def _works(connection: Connection, which: ColumnElement[bool]) -> Sequence[str]:
    return connection.execute(select(work.c.id).where(which).order_by(work.c.number).limit(_AT_ONCE)).scalars().all()


def _thin_all(connection: Connection, of: str, rules: Sequence[_Rule], at_most: int) -> int:
    """Remove up to `at_most` of the events of a work, or of the nodes (""), and its oldest attempts with them."""
    removed = 0
    for rule in rules:
        removed += _thin(connection, of, rule, at_most - removed)
    newest = select(attempt.c.number).where(attempt.c.work == of).order_by(attempt.c.number.desc())
    last_to_go = connection.execute(newest.offset(rules[0].keep).limit(1)).scalar()
    if last_to_go is not None:
        connection.execute(delete(attempt).where(attempt.c.work == of, attempt.c.number <= last_to_go))
    return removed


def _thin(connection: Connection, of: str, rule: _Rule, at_most: int) -> int:
    """Remove up to `at_most` of those events of a work that are beyond the newest."""
    mine = and_(event.c.work == of, rule.which)
    newest = select(event.c.number).where(mine).order_by(event.c.number.desc())
    last_to_go = connection.execute(newest.offset(rule.keep).limit(1)).scalar()
    return 0 if last_to_go is None else _remove(connection, and_(mine, event.c.number <= last_to_go), at_most)


def _remove(connection: Connection, which: ColumnElement[bool], at_most: int) -> int:
    """Remove up to `at_most` such events, the oldest first, and count them."""
    if at_most <= 0:
        return 0
    oldest = select(event.c.number, event.c.work, event.c.kind).where(which).order_by(event.c.number).limit(at_most)
    rows = connection.execute(oldest).all()
    if rows:
        _count(connection, Counter((row.work, row.kind) for row in rows))
        connection.execute(delete(event).where(which, event.c.number <= rows[-1].number))
    return len(rows)


def _count(connection: Connection, removed: Counter[tuple[str, str]]) -> None:
    for (of, kind), count in removed.items():
        mine = (event_thinned.c.work == of, event_thinned.c.kind == kind)
        more = update(event_thinned).where(*mine).values(count=event_thinned.c.count + count)
        if not connection.execute(more).rowcount:
            connection.execute(event_thinned.insert().values(work=of, kind=kind, count=count))
