"""Questions to the store: for a restart, and for whoever wants to see what happened. Each answer sees one moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.exc import DBAPIError

from coordinator.core.model import WorkState
from coordinator.store.changes import AttemptEnded, Measured, Outcome, RoundDone, ShardSurveyed
from coordinator.store.event_query import wanted
from coordinator.store.found import blobs_of, ends_of, named, round_of, rounds_of, summary_of, surveys_of, work_of
from coordinator.store.members import OF_NONE, WORK, ended_members, files_of, first_members, of_array
from coordinator.store.ownership import holder_of
from coordinator.store.rows import EndedMembers, Holder, OpenWork, StoredWork
from coordinator.store.schema import (
    attempt,
    blob_name,
    event,
    event_thinned,
    metric,
    round_,
    schedule,
    survey,
    work,
    writer,
)
from coordinator.store.standing import Standing
from coordinator.store.statements import OPEN_STATES
from coordinator.store.thinning import Retention, Surplus, find_surplus
from rpc.messages import EventQuery, EventRow

_AT_ONCE = 500  # rows in memory, and names in one question


class Reader(Standing):
    """Reads what is committed, on connections of its own: any number of threads may, while the writer writes.

    Every method but `holder` raises StoreDown while the store cannot be read.
    """

    def holder(self) -> Holder | None:
        """Who writes to the store; None where that cannot be told."""
        try:
            with self._engine.connect() as connection:
                return holder_of(connection)
        except DBAPIError:
            return None

    def last_event(self) -> int:
        """The highest number that an event ever had, or 0."""
        with self._connection() as connection:
            return int(connection.execute(select(writer.c.last_event)).scalar_one())

    def open_work(self) -> Iterator[OpenWork]:
        """Work that has not ended, in the order of submission; few at a time are in memory."""
        after: int | None = 0
        while after is not None:
            page = select(*WORK, work.c.spec).where(work.c.state.in_(OPEN_STATES), work.c.number > after)
            with self._connection() as connection:
                rows = connection.execute(page.order_by(work.c.number).limit(_AT_ONCE)).all()
                ids = [row.id for row in rows]
                blobs, ends = blobs_of(connection, ids), ends_of(connection, ids)
                surveys, rounds = surveys_of(connection, ids), rounds_of(connection, ids)
            for row in rows:
                mine = (blobs.get(row.id, {}), tuple(surveys.get(row.id, ())), tuple(rounds.get(row.id, ())))
                yield OpenWork(work_of(row[:-1]), row.spec, *mine, ends.get(row.id, {}))
            after = rows[-1].number if len(rows) == _AT_ONCE else None

    def work(self, work_id: str) -> StoredWork | None:
        return self._first_work(select(*WORK).where(work.c.id == work_id))

    def work_by_key(self, owner: str, key: str) -> StoredWork | None:
        """The work that its owner submitted with this key."""
        return self._first_work(select(*WORK).where(work.c.owner == owner, work.c.key == key, work.c.key != ""))

    def work_called(self, name: str, *, limit: int, owner: str | None = None) -> tuple[StoredWork, ...]:
        """Work, of one owner if it is given, with this key, or if there is none with an id that begins so, the newest
        first.
        """
        theirs = () if owner is None else (work.c.owner == owner,)
        begins = (work.c.id.startswith(name, autoescape=True), OF_NONE)  # many members begin like their array
        for meant in ((work.c.key == name, work.c.key != ""), begins):
            question = select(*WORK).where(*meant, *theirs).order_by(work.c.number.desc()).limit(limit)
            with self._connection() as connection:
                found = tuple(work_of(row) for row in connection.execute(question))
            if found:
                break
        return found

    def spec(self, work_id: str) -> bytes | None:
        with self._connection() as connection:
            return connection.execute(select(work.c.spec).where(work.c.id == work_id)).scalar()

    def work_page(
        self,
        *,
        states: Collection[WorkState] = (),
        owner: str | None = None,
        kinds: Collection[str] = (),
        before: int | None = None,
        limit: int = 100,
        array: str | None = "",
    ) -> tuple[StoredWork, ...]:
        """Work in any of these states and kinds (all, if none is given), the newest first, numbered below `before`.

        Args:
            array: members of this one; empty: what is a member of none; None: both.
        """
        question = select(*WORK).order_by(work.c.number.desc()).limit(limit)
        if array is not None:
            question = question.where(of_array(array) if array else OF_NONE)
        if states:
            question = question.where(work.c.state.in_([state.value for state in states]))
        if owner is not None:
            question = question.where(work.c.owner == owner)
        if kinds:
            question = question.where(work.c.kind.in_(kinds))
        if before is not None:
            question = question.where(work.c.number < before)
        with self._connection() as connection:
            return tuple(work_of(row) for row in connection.execute(question))

    def members(self, array_id: str, state: WorkState, *, limit: int) -> tuple[StoredWork, ...]:
        """The members of an array in this state that have the lowest indexes."""
        with self._connection() as connection:
            return first_members(connection, array_id, state, limit)

    def ended_members(self, array_id: str) -> tuple[EndedMembers, ...]:
        """The members of an array that have ended, by state."""
        with self._connection() as connection:
            return ended_members(connection, array_id)

    def surveys(self, work_id: str) -> tuple[ShardSurveyed, ...]:
        """The surveys of its shards, by shard."""
        question = select(survey).where(survey.c.work == work_id).order_by(survey.c.shard)
        return tuple(ShardSurveyed(work_id, row["shard"], summary_of(row)) for row in self._rows(question))

    def rounds(self, work_id: str, *, after: int = 0, up_to: int | None = None) -> tuple[RoundDone, ...]:
        """Its rounds above `after`, and up to the last or another one, by number."""
        question = select(round_).where(round_.c.work == work_id, round_.c.round > after).order_by(round_.c.round)
        if up_to is not None:
            question = question.where(round_.c.round <= up_to)
        return tuple(RoundDone(work_id, round_of(row), row["detail"]) for row in self._rows(question))

    def slowest_round(self, work_id: str, *, after: int = 0) -> RoundDone | None:
        """The round above `after` that took longest."""
        mine = (round_.c.work == work_id, round_.c.round > after)
        question = select(round_).where(*mine).order_by(round_.c.seconds.desc()).limit(1)
        return next((RoundDone(work_id, round_of(row), row["detail"]) for row in self._rows(question)), None)

    def blobs(self, work_id: str) -> Mapping[str, str]:
        """The files that it needs, by role."""
        with self._connection() as connection:
            return blobs_of(connection, [work_id]).get(work_id, {})

    def files(self, work_id: str) -> Sequence[tuple[str, str]]:
        """The same, by role, with those of all members."""
        with self._connection() as connection:
            return files_of(connection, work_id)

    def ends(self, work_id: str) -> Mapping[str, WorkState]:
        """How those have ended, or stand, that the work comes after."""
        with self._connection() as connection:
            return ends_of(connection, [work_id]).get(work_id, {})

    def unnamed(self, names: Sequence[str]) -> set[str]:
        """Those of these files that no work and no schedule needs.

        What is in a batch that has yet to be written is not known here: ask, and remove, between batches.
        """
        unnamed = set(names)
        with self._connection() as connection:
            for start in range(0, len(names), _AT_ONCE):
                some = blob_name.c.blob.in_(names[start : start + _AT_ONCE])
                unnamed.difference_update(connection.execute(select(blob_name.c.blob).where(some)).scalars())
            unnamed.difference_update(*connection.execute(select(schedule.c.blobs)).scalars())
        return unnamed

    def events(self, work_id: str, *, after: int = 0, limit: int = 500) -> tuple[EventRow, ...]:
        """The events of a work, and of nodes since it was submitted, with a number above `after`, by number."""
        first = select(work.c.first_event).where(work.c.id == work_id).scalar_subquery()
        columns = [event.c[name] for name in EventRow.__dataclass_fields__]
        found: list[EventRow] = []
        with self._connection() as connection:
            # Two questions, each along the index; both see the same moment.
            for mine in ((event.c.work == work_id,), (event.c.work == "", event.c.number >= first)):
                question = select(*columns).where(*mine, event.c.number > after).order_by(event.c.number).limit(limit)
                found += [EventRow(*row) for row in connection.execute(question)]
        return tuple(sorted(found, key=lambda row: row.number)[:limit])

    def find_events(self, query: EventQuery, *, kinds: Collection[str] = ()) -> tuple[EventRow, ...]:
        """The events that are asked for, of any of these kinds if some are given, by number; see EventQuery."""
        is_forward = query.after and not query.newest
        order = event.c.number if is_forward else event.c.number.desc()
        columns = [event.c[name] for name in EventRow.__dataclass_fields__]
        question = select(*columns).where(*wanted(query, kinds)).order_by(order).limit(query.limit)
        with self._connection() as connection:
            rows = connection.execute(question).all()
        return tuple(EventRow(*row) for row in (rows if is_forward else reversed(rows)))

    def count_events(self, query: EventQuery, *, before: int, most: int) -> int:
        """How many events that are asked for have a number below `before`; not counted above `most`."""
        found = select(event.c.number).where(*wanted(query), event.c.number < before).limit(most).subquery()
        with self._connection() as connection:
            return int(connection.execute(select(func.count()).select_from(found)).scalar_one())

    def event_counts(self, work_id: str) -> Mapping[str, int]:
        """How many events of each kind the work had, with those that were removed since."""
        here = select(event.c.kind, func.count()).where(event.c.work == work_id).group_by(event.c.kind)
        gone = select(event_thinned.c.kind, event_thinned.c.count).where(event_thinned.c.work == work_id)
        counts: dict[str, int] = {}
        with self._connection() as connection:
            for question in (here, gone):
                for kind, count in connection.execute(question):
                    counts[kind] = counts.get(kind, 0) + count
        return counts

    def attempts(self, work_id: str, *, task: str = "", limit: int = 500) -> tuple[AttemptEnded, ...]:
        """The newest attempts of the work, or of one of its tasks, that have a row of their own, by time."""
        mine = attempt.c.work == work_id
        return self._attempts(and_(mine, attempt.c.task == task) if task else mine, limit)

    def attempts_of_rounds(self, work_id: str, first: int, last: int, *, limit: int) -> tuple[AttemptEnded, ...]:
        """Such attempts in rounds from the first to the last."""
        return self._attempts(and_(attempt.c.work == work_id, attempt.c.round.between(first, last)), limit)

    def failures(self, *, work_id: str = "", node_id: str = "", limit: int = 5) -> tuple[AttemptEnded, ...]:
        """The newest attempts that failed, of a work or on a node."""
        mine = attempt.c.work == work_id if work_id else attempt.c.node == node_id
        return self._attempts(and_(mine, attempt.c.outcome == Outcome.FAILED.value), limit)

    def set_backs(self, work_id: str) -> Mapping[tuple[str, str], int]:
        """How many attempts of the work ended in each way for each cause."""
        question = select(attempt.c.outcome, attempt.c.cause, func.count()).where(attempt.c.work == work_id)
        with self._connection() as connection:
            rows = connection.execute(question.group_by(attempt.c.outcome, attempt.c.cause)).all()
        return {(outcome, cause): count for outcome, cause, count in rows}

    def _attempts(self, which: ColumnElement[bool], limit: int) -> tuple[AttemptEnded, ...]:
        question = select(attempt).where(which).order_by(attempt.c.number.desc()).limit(limit)
        rows = [{**row, "outcome": Outcome(row["outcome"])} for row in self._rows(question)]
        return tuple(AttemptEnded(**named(row, AttemptEnded.__dataclass_fields__)) for row in reversed(rows))

    def metrics(self, work_id: str, *, after: int = 0, limit: int | None = None) -> tuple[Measured, ...]:
        """Its metrics, in the order in which they came, but for the first `after`."""
        question = select(metric).where(metric.c.work == work_id).order_by(metric.c.number)
        rows = self._rows(question.offset(after).limit(limit))
        return tuple(Measured(**named(row, Measured.__dataclass_fields__)) for row in rows)

    def surplus(self, retention: Retention, *, now_ms: int, most: int) -> Surplus:
        """Up to `most` events and attempts that are not to be kept."""
        with self._connection() as connection:
            return find_surplus(connection, retention, now_ms=now_ms, most=most)

    def ended_before(self, keep: int, *, limit: int) -> tuple[str, ...]:
        """Work beyond the `keep` that ended last, the oldest end first; members go with their array."""
        ended = and_(work.c.state.in_([state.value for state in WorkState if state.is_final]), OF_NONE)
        oldest = select(work.c.id).where(ended).order_by(work.c.ended_ms, work.c.number)
        with self._connection() as connection:
            n_ended = connection.execute(select(func.count()).select_from(work).where(ended)).scalar_one()
            too_many = min(limit, max(0, n_ended - keep))
            return tuple(connection.execute(oldest.limit(too_many)).scalars())

    def _first_work(self, question: Select[Any]) -> StoredWork | None:
        with self._connection() as connection:
            row = connection.execute(question).first()
        return None if row is None else work_of(row)
