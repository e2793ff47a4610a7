"""What people are shown of everything at once: a glance, the events, and why something is as it is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from coordinator import views
from coordinator.attempt_rows import attempt_rows, open_tasks
from coordinator.core.model import Work, WorkState
from coordinator.event_pages import event_page
from coordinator.node_views import node_rows
from coordinator.remembering import stored_row
from coordinator.runtime import Runtime
from coordinator.store.failures import StoreDown
from coordinator.why.hiding import without_others
from coordinator.why.nodes import why_node
from coordinator.why.now import WorkNow, node_now, work_now
from coordinator.why.tasks import parts_of, why_task
from coordinator.why.works import why_work
from rpc.aside import Aside
from rpc.errors import BadRequest, NotFound
from rpc.messages import EventQuery, Overview, WorkRow
from rpc.nearest import unknown
from rpc.program import VERSION
from rpc.server import Later

_MOST = 1000  # events, or runs of each kind, in one answer
_ENDED = tuple(state for state in WorkState if state.is_final)


class PlainView:
    """Answers on the loop's thread, but for what the store is asked: that other threads do."""

    def __init__(self, runtime: Runtime, lookups: Aside, questions: Aside, *, store: str) -> None:
        """`questions` may take long, `lookups` never do; `store` is the name and version of the database."""
        self._runtime = runtime
        self._lookups = lookups
        self._questions = questions
        self._store = store
        self._started = time.monotonic()

    def overview(self) -> Overview:
        """All but the work."""
        runtime, dispatcher = self._runtime, self._runtime.dispatcher
        sent, received = runtime.traffic.total()
        return Overview(
            version=VERSION,
            policy=runtime.policy_name,
            uptime_s=time.monotonic() - self._started,
            nodes=node_rows(runtime.membership, dispatcher.pool, runtime.clock),
            store_fault=runtime.store_fault,
            store=self._store,
            pending=len(dispatcher.open) - len(dispatcher.running),
            running=len(dispatcher.running),
            ended=dict(runtime.endings.counts),
            rounds=runtime.memory.n_rounds,
            bytes_sent=sent,
            bytes_received=received,
            now_ms=runtime.clock.now_ms(),
        )

    def glance(self, runs: int, owner: str | None) -> Later:
        """Nodes, and up to so many runs of each, of one owner if it is given: running, waiting, ended."""
        dispatcher, limit = self._runtime.dispatcher, min(max(runs, 0), _MOST)
        latest = (each for each in reversed(dispatcher.work.values()) if each.id not in dispatcher.open)

        def theirs(works: Iterable[Work]) -> Iterator[Work]:
            return views.of_owner(owner, views.no_members(works))

        ended = list(islice(theirs(latest), limit))
        running = list(islice(theirs(dispatcher.running.values()), limit))
        shown = [*running, *_next(theirs(dispatcher.open.values()), limit)]
        activities = tuple(activity for each in shown for activity in views.activities(each))
        now = replace(self.overview(), work=self._rows(shown), activities=activities)
        here = self._rows(ended)
        return self._lookups.later(lambda: replace(now, work=(*now.work, *self._with_stored(here, limit, owner))))

    def events(self, query: EventQuery, owner: str | None) -> Later:
        """The events that are asked for; with `owner`, those of the works of that one alone."""
        if not 0 < query.limit <= _MOST:
            raise BadRequest(f"limit must be from 1 to {_MOST:,}, not {query.limit}")
        theirs = query if owner is None else replace(query, owner=owner)
        return self._questions.later(lambda: event_page(theirs, self._runtime.reader))

    def attempts(self, work_id: str, first_round: int, last_round: int) -> Later:
        """The attempts of a work in some of its rounds."""
        work = self._runtime.dispatcher.work.get(work_id)
        opened = () if work is None else open_tasks(work, self._runtime.clock)
        rounds = (first_round, last_round)
        return self._questions.later(lambda: attempt_rows(work_id, rounds, opened, self._runtime.reader))

    def why(self, kind: str, name: str, owner: str | None) -> Later:
        """Why something is as it is; with `owner` nothing is told of the work of others.

        Raises:
            BadRequest: such things are not known, or the name is not of their form.
            NotFound: nothing is called so.
        """
        reader, fault = self._runtime.reader, self._runtime.store_fault
        match kind:
            case "run" | "job":
                now = self._work_now(name, owner)
                return self._questions.later(lambda: why_work(name, now, reader, fault))
            case "task":
                now = self._work_now(parts_of(name)[0], owner)
                return self._questions.later(lambda: why_task(name, now, reader, fault))
            case "node":
                return self._why_node(name)
        raise BadRequest(f"why of {kind!r} is not known; ask for a run, job, task or node")

    def _why_node(self, name: str) -> Later:
        runtime = self._runtime
        try:
            member = runtime.membership.find(name)
        except NotFound:
            raise unknown("node", name, (member.link.id for member in runtime.membership.everyone)) from None
        node, now_ms = node_now(member, None, runtime.dispatcher, runtime.clock), runtime.clock.now_ms()
        return self._questions.later(lambda: why_node(node, runtime.reader, now_ms))

    def _work_now(self, work_id: str, owner: str | None) -> WorkNow | None:
        runtime, known = self._runtime, self._runtime.dispatcher.work
        work = known.get(work_id)
        if work is None:
            return None
        now = work_now(work, runtime.dispatcher, runtime.membership, runtime.clock)
        if owner is None:
            return now
        return without_others(now, lambda other: other in known and known[other].claim.owner == owner)

    def _rows(self, work: list[Work]) -> tuple[WorkRow, ...]:
        return tuple(views.shown_row(self._runtime.dispatcher, each, self._runtime.clock) for each in work)

    def _with_stored(self, here: tuple[WorkRow, ...], limit: int, owner: str | None) -> tuple[WorkRow, ...]:
        """These and what ended before this start; on a thread, and without the latter while the store is away."""
        if len(here) >= limit:
            return here
        try:
            stored = self._runtime.reader.work_page(states=_ENDED, limit=limit, owner=owner)
        except StoreDown:
            return here
        known = {row.id for row in here}
        return (*here, *(stored_row(work) for work in stored if work.id not in known))[:limit]


def _next(works: Iterable[Work], limit: int) -> list[Work]:
    """The first so many of these, in the order of submission, that have not begun: in the order of the queue."""
    lines: dict[int, list[Work]] = {}  # by priority; a pass over very many, so that each costs little
    for work in works:
        if work.state is WorkState.PENDING:
            line = lines.setdefault(work.claim.priority, [])
            if len(line) < limit:
                line.append(work)
    return [work for priority in sorted(lines, reverse=True) for work in lines[priority]][:limit]
