"""What happens, told: to the log, to whoever watches, and to the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coordinator.core.events import Note, SetBack
from coordinator.journal import Journal
from coordinator.note_log import log_note
from coordinator.store.changes import AttemptEnded, Change, Outcome
from coordinator.views import Clock
from rpc.errors import FailureKind
from rpc.messages import EventRow


class Chronicle:
    """Everything runs on the loop's thread."""

    def __init__(self, journal: Journal, clock: Clock, *, remember: Callable[[Change], None]) -> None:
        self._journal = journal
        self._clock = clock
        self._remember = remember

    def tell(self, note: Note) -> None:
        """Something happened."""
        self._remember(self._journal.append(note, self._clock.now_ms()))
        log_note(note)
        self._journal.changed(note.work_id)

    def set_back(self, told: SetBack) -> None:
        """An attempt ended without a result: that is a row of its own."""
        number, shard = told.task.order
        row = AttemptEnded(
            work=told.task.work_id,
            task=told.task.id,
            node=told.attempt.node_id,
            outcome=_outcome(told),
            at_ms=self._clock.now_ms(),
            round=number,
            shard=shard,
            fence=told.attempt.fence,
            cause=told.cause,
            message=told.message,
            scores=told.scores.as_json() if told.scores is not None else {},
        )
        self._remember(row)

    def committed(self, changes: Sequence[Change]) -> None:
        """Show what happened up to now."""
        events = (change.number for change in reversed(changes) if isinstance(change, EventRow))
        number = next(events, None)
        if number is not None:
            self._journal.committed(number)
        self._journal.flush()


def _outcome(told: SetBack) -> Outcome:
    if told.cause == FailureKind.PREEMPTED.code:
        return Outcome.PREEMPTED
    return Outcome.REJECTED if told.rejected else Outcome.FAILED
