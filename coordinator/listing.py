"""Lists of work for clients: read from the store a page at a time, with what is open as it stands now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from coordinator.core.model import Work, WorkState
from coordinator.named_works import found_by, known
from coordinator.remembering import stored_row
from coordinator.runtime import Runtime
from coordinator.store.failures import StoreDown
from coordinator.store.rows import StoredWork
from coordinator.views import no_members, of_owner, shown_row
from rpc.aside import Aside
from rpc.errors import BadRequest, NotFound
from rpc.messages import WorkFilter, WorkRow
from rpc.server import Later

_MOST = 1_000  # rows of one answer
_SHOWN = 100  # rows for who asks for no number


class WorkLists:
    """All methods run on the loop's thread; the store is read on that of `lookups`."""

    def __init__(self, runtime: Runtime, lookups: Aside) -> None:
        self._runtime = runtime
        self._lookups = lookups

    def page(self, wanted: WorkFilter, owner: str | None) -> Later:
        """Work that the filter lets through, the newest first; with `owner`, work of that one alone.

        Raises:
            BadRequest: there is no such state, or the limit is none.
        """
        states = _states(wanted.states)
        if not 1 <= wanted.limit <= _MOST:
            raise BadRequest(f"limit must be from 1 to {_MOST:,}, not {wanted.limit}")
        if owner is not None and wanted.owner not in ("", owner):
            raise NotFound(f"no work of {wanted.owner[:100]!r} is here")
        found = self._lookups.later(
            lambda: self._runtime.reader.work_page(
                states=states,
                owner=wanted.owner or owner,
                kinds=wanted.kinds,
                before=wanted.before or None,
                limit=wanted.limit,
                array=None if wanted.with_members else wanted.array_id,
            )
        )
        return found.turned(self._rows)

    def latest(self, owner: str | None) -> Later:
        """The newest work, of one owner if it is given, and what runs of the rest.

        While the store is away only what is in memory.
        """
        newest = self._lookups.later(lambda: self._newest(owner))
        return newest.turned(lambda found: self._with_running(found, owner))

    def find(self, name: str, owner: str | None) -> WorkRow | Later:
        """The one work, of one owner if it is given, with this id, key or beginning of an id.

        Raises:
            NotFound: there is none.
            BadRequest: there are several.
        """
        work = self._runtime.dispatcher.work.get(name)
        if work is not None and owner in (None, work.claim.owner):
            return self._shown(work)
        return self._lookups.later(lambda: found_by(name, self._runtime.reader, owner=owner)).turned(self._row)

    def remove(self, ids: Sequence[str]) -> Later:
        """Forget work, all or none; answered with what it was, once that is committed.

        Raises:
            BadRequest: something of it has not ended, or is needed, or it is too much at once.
            NotFound: something of it is not known.
        """
        ids, removals, answer = tuple(dict.fromkeys(ids)), self._runtime.removals, Later()
        if len(ids) > _MOST:
            raise BadRequest(f"{len(ids):,} are too many at once; give at most {_MOST:,}")
        removals.check(ids)

        def remove(rows: tuple[WorkRow, ...] | None, error: Exception | None) -> None:
            if rows is None:
                answer.fail(error or RuntimeError("no rows and no error"))
            else:
                removals.remove(ids, lambda: answer.resolve(rows))

        self._lookups.later(lambda: tuple(map(self._removable, ids))).then(remove)
        return answer

    def _removable(self, work_id: str) -> WorkRow:
        """On a thread."""
        work = known(work_id, self._runtime.reader)
        if work.array_id:
            raise BadRequest(f"{work_id} is one of the array {work.array_id}, which is removed as a whole")
        return stored_row(work)

    def _newest(self, owner: str | None) -> tuple[StoredWork, ...] | None:
        """On a thread; None while the store is away."""
        try:
            return self._runtime.reader.work_page(limit=_SHOWN, owner=owner)
        except StoreDown:
            return None

    def _with_running(self, newest: tuple[StoredWork, ...] | None, owner: str | None) -> tuple[WorkRow, ...]:
        work, running = self._runtime.dispatcher.work, self._runtime.dispatcher.running
        if newest is None:
            return tuple(map(self._shown, islice(of_owner(owner, no_members(reversed(work.values()))), _SHOWN)))
        known = {each.id for each in newest}
        older = of_owner(owner, (each for each in no_members(reversed(running.values())) if each.id not in known))
        return (*self._rows(newest), *map(self._shown, islice(older, _SHOWN)))

    def _rows(self, found: tuple[StoredWork, ...]) -> tuple[WorkRow, ...]:
        return tuple(map(self._row, found))

    def _row(self, stored: StoredWork) -> WorkRow:
        work = self._runtime.dispatcher.work.get(stored.id)
        return stored_row(stored) if work is None else replace(self._shown(work), number=stored.number)

    def _shown(self, work: Work) -> WorkRow:
        return shown_row(self._runtime.dispatcher, work, self._runtime.clock)


def _states(names: Iterable[str]) -> tuple[WorkState, ...]:
    known = {state.value: state for state in WorkState}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadRequest(f"no work is {unknown[0]!r}; it is {', '.join(known)}")
    return tuple(known[name] for name in names)
