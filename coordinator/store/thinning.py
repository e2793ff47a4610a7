"""Keeps the event table small: old events, and those that are very many, give way to their counts.

What went wrong, and what people decided, is kept longer than what went as it should.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, select, update

from coordinator.core.model import WorkState
from coordinator.store.schema import attempt, event, event_thinned, work

_WORKS = 500  # looked at in one call
_AT_ONCE = 500  # rows removed by one statement
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


@dataclass(slots=True)
class Surplus:
    """What is not to be kept: events and attempts by number, up to `most` of both; and works that have no more to give.

    Finding it may take long, and holds up nobody; removing it holds up whoever writes, for a few milliseconds.
    """

    most: int
    events: set[int] = field(default_factory=set)
    attempts: set[int] = field(default_factory=set)
    thinned: list[str] = field(default_factory=list)

    @property
    def room(self) -> int:
        return self.most - len(self.events) - len(self.attempts)

    @property
    def is_full(self) -> bool:
        """Whether there may be more."""
        return self.room <= 0


def find_surplus(connection: Connection, retention: Retention, *, now_ms: int, most: int) -> Surplus:
    """Find what is not to be kept; changes nothing."""
    found, rules = Surplus(most), retention.rules(now_ms)
    for rule in rules:
        found.events |= _first(
            connection, event, and_(rule.which, event.c.at_ms < rule.before_ms), event.c.at_ms, found
        )
    found.attempts |= _first(connection, attempt, attempt.c.at_ms < rules[1].before_ms, attempt.c.at_ms, found)
    for of in ("", *_works(connection, work.c.state == WorkState.RUNNING.value)):
        _find_all(connection, of, rules, found)
    # Ended work gets no more of them: it is looked at until it has no more to give.
    for of in _works(connection, and_(work.c.state.in_(_ENDED), work.c.is_thinned.is_(False))):
        _find_all(connection, of, rules, found)
        if found.is_full:
            break
        found.thinned.append(of)
    return found


def remove_surplus(connection: Connection, found: Surplus) -> int:
    """Remove it; return how many events that were. They stay counted."""
    removed: Counter[tuple[str, str]] = Counter()
    for some in _batches(found.events):
        here = event.c.number.in_(some)
        removed.update(
            (row.work, row.kind) for row in connection.execute(select(event.c.work, event.c.kind).where(here))
        )
        connection.execute(delete(event).where(here))
    _count(connection, removed)
    for some in _batches(found.attempts):
        connection.execute(delete(attempt).where(attempt.c.number.in_(some)))
    if found.thinned:
        connection.execute(update(work).where(work.c.id.in_(found.thinned)).values(is_thinned=True))
    return removed.total()


def _works(connection: Connection, which: ColumnElement[bool]) -> Sequence[str]:
    return connection.execute(select(work.c.id).where(which).order_by(work.c.number).limit(_WORKS)).scalars().all()


def _find_all(connection: Connection, of: str, rules: Sequence[_Rule], found: Surplus) -> None:
    """Find the events of a work, or of the nodes (""), that are beyond the newest, and its oldest attempts."""
    for rule in rules:
        found.events |= _beyond(connection, event, and_(event.c.work == of, rule.which), rule.keep, found)
    found.attempts |= _beyond(connection, attempt, attempt.c.work == of, rules[0].keep, found)


def _beyond(connection: Connection, of: Table, which: ColumnElement[bool], keep: int, found: Surplus) -> set[int]:
    """The oldest of such rows that are beyond the newest `keep`, as far as there is room."""
    newest = select(of.c.number).where(which).order_by(of.c.number.desc())
    last_to_go = connection.execute(newest.offset(keep).limit(1)).scalar()
    return (
        set()
        if last_to_go is None
        else _first(connection, of, and_(which, of.c.number <= last_to_go), of.c.number, found)
    )


def _first(
    connection: Connection, of: Table, which: ColumnElement[bool], order: ColumnElement[int], found: Surplus
) -> set[int]:
    """The first of such rows, as far as there is room."""
    if found.is_full:
        return set()
    return set(connection.execute(select(of.c.number).where(which).order_by(order).limit(found.room)).scalars())


def _count(connection: Connection, removed: Counter[tuple[str, str]]) -> None:
    for (of, kind), count in removed.items():
        mine = (event_thinned.c.work == of, event_thinned.c.kind == kind)
        more = update(event_thinned).where(*mine).values(count=event_thinned.c.count + count)
        if not connection.execute(more).rowcount:
            connection.execute(event_thinned.insert().values(work=of, kind=kind, count=count))


def _batches(numbers: Iterable[int]) -> Iterator[list[int]]:
    """So many at a time as one statement takes, in order."""
    ordered = sorted(numbers)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]
