"""Whose work a call is about: to callers who see their own alone, that of others is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from coordinator.permissions import About, Identity
from coordinator.runtime import Runtime
from coordinator.store.reading import Reader
from coordinator.why.tasks import parts_of
from rpc.aside import Aside
from rpc.errors import Forbidden, NotFound, TrainerError
from rpc.server import Later

_KINDS_OF_WORK = ("run", "job", "task")


class OwnedWork:
    """Runs on the loop's thread; the store is read on that of `lookups`."""

    def __init__(self, runtime: Runtime, lookups: Aside) -> None:
        self._runtime = runtime
        self._lookups = lookups

    def when_theirs(self, identity: Identity, about: About, args: tuple[Any, ...], perform: Callable[[], Any]) -> Any:
        """Return what `perform` returns, called once it is known that the caller may see what the call is about.

        Raises:
            NotFound: it may not, or it is not there.
            Forbidden: what is asked about is nobody's.
        """
        only = identity.sees_only
        if only is None:
            return perform()
        unknown = [each for each in _works_in(about, args) if not self._is_known(each, only)]
        if not unknown:
            return perform()
        answer, reader = Later(), self._runtime.reader

        def checked(_: None, error: Exception | None) -> None:
            if error is not None:
                answer.fail(error)
                return
            try:
                found = perform()
            except TrainerError as refused:
                answer.fail(refused)
            else:
                answer.follow(found) if isinstance(found, Later) else answer.resolve(found)

        self._lookups.later(lambda: _check_stored(unknown, only, reader)).then(checked)
        return answer

    def _is_known(self, work_id: str, owner: str) -> bool:
        """Whether this is work of theirs that has not ended; NotFound: of somebody else."""
        work = self._runtime.dispatcher.work.get(work_id)
        if work is not None and work.claim.owner != owner:
            raise _not_there(work_id)
        return work is not None


def _works_in(about: About, args: tuple[Any, ...]) -> Iterable[str]:
    """The ids of the works that a call is about."""
    match about:
        case About.WORK:
            return (args[0],)
        case About.WORKS:
            works: tuple[str, ...] = args[0]
            return works
        case About.SPEC:
            return filter(None, (getattr(args[0], "parent", ""),))
        case About.TASK:
            kind, name = args
            if kind not in _KINDS_OF_WORK:
                raise Forbidden(f"why of a {kind} tells of the work of others: ask a viewer or an operator")
            return (parts_of(name)[0] if kind == "task" else name,)
    return ()


def _check_stored(work_ids: Iterable[str], owner: str, reader: Reader) -> None:
    """Raise NotFound if one is not in the store, or is somebody else's; on a thread."""
    for work_id in work_ids:
        work = reader.work(work_id)
        if work is None or work.owner != owner:
            raise _not_there(work_id)


def _not_there(work_id: str) -> NotFound:
    listed = "`client.py runs list` or `client.py jobs list` lists them"
    return NotFound(f"no run or job is called {work_id!r}; {listed}")
