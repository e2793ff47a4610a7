"""Ended work that nobody wants any more goes, with all that is stored of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import Event, Removed
from coordinator.core.training import TrainingRun
from coordinator.recorder import Recorder
from coordinator.store.changes import WorkForgotten
from rpc.errors import BadRequest

_AT_ONCE = 10  # in one transaction: each may have thousands of rows


class Removals:
    """Everything is called on the loop's thread."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        recorder: Recorder,
        post: Callable[[Event], None],
        *,
        drop: Callable[[str], None],
    ) -> None:
        """`drop` is called with each work that is gone from the store, to drop what else there is of it."""
        self._dispatcher = dispatcher
        self._recorder = recorder
        self._post = post
        self._drop = drop

    def check(self, ids: Collection[str]) -> None:
        """Raise BadRequest where one of these must stay: it has not ended, or a verification still compares with it."""
        for each in ids:
            work = self._dispatcher.work.get(each)
            if work is not None and work.claim.array:
                raise BadRequest(f"{each} is one of the array {work.claim.array}, which is removed as a whole")
            if work is not None and not work.is_remembered:
                raise BadRequest(f"{each} is {work.state.value}; only what has ended can be removed: cancel it first")
        needed = self._needed()
        for each in ids:
            if each in needed:
                raise BadRequest(f"{each} is being verified by {needed[each]}; wait for its end, or cancel it")

    def removable(self, ids: Sequence[str]) -> list[str]:
        """Those of the ended works that nothing needs."""
        needed = self._needed() if ids else {}
        return [each for each in ids if each not in needed]

    def remove(self, ids: Sequence[str], done: Callable[[], None]) -> None:
        """Remove works that were checked; `done` is called once that is committed."""
        if not ids:
            done()
            return
        some, rest = ids[:_AT_ONCE], ids[_AT_ONCE:]

        def committed() -> None:
            for each in some:
                self._post(Removed(each))
                self._drop(each)
            self.remove(rest, done)

        self._recorder.add(*map(WorkForgotten, some), done=lambda late: committed(), at_once=True)

    def _needed(self) -> dict[str, str]:
        """What is being verified, and by what."""
        runs = (work.workload for work in self._dispatcher.open.values())
        return {run.spec.verifies: run.id for run in runs if isinstance(run, TrainingRun) and run.spec.verifies}
