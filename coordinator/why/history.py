"""What happened, as reasons: events, and attempts that failed or were rejected, one by one and counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from coordinator.store.changes import AttemptEnded, Outcome
from coordinator.store.failures import StoreDown
from coordinator.why.words import counted
from rpc.messages import EventRow, Reason

_IN_WORDS = {
    Outcome.FAILED: "failed",
    Outcome.REJECTED: "rejected, which is no failure",
    Outcome.PREEMPTED: "preempted, which is no failure",
}


def of_event(row: EventRow) -> Reason:
    """The event as a reason."""
    return Reason("event", f"{row.kind}: {row.message}" if row.message else row.kind, row.at_ms)


def not_told(error: StoreDown) -> Reason:
    """In place of all that, while the store cannot be read."""
    return Reason("store", f"what happened before cannot be told now: {error}")


def totals(found: Mapping[tuple[str, str], int], *, all_again: bool) -> Iterator[Reason]:
    """How often attempts failed, and were rejected, for which causes; `all_again` says that each was tried again."""
    again = "; each was tried again" if all_again else ""
    for outcome, text in _IN_WORDS.items():
        causes = {cause: count for (kind, cause), count in found.items() if kind == outcome.value}
        if causes:
            parts = ", ".join(f"{cause} {count}" for cause, count in sorted(causes.items(), key=lambda each: -each[1]))
            yield Reason("retry", f"{counted(sum(causes.values()), 'attempt')} {text} ({parts}){again}")


def one_by_one(attempts: Sequence[AttemptEnded], *, of_node: bool = False) -> Iterator[Reason]:
    """A reason for each, the oldest first; `of_node` says that the node is known and the task is news."""
    for attempt in attempts:
        verb = "failed" if attempt.outcome is Outcome.FAILED else f"was {attempt.outcome}"
        where = "" if of_node else f" on {attempt.node}"
        message = attempt.message or "no more was said"
        yield Reason("retry", f"task {attempt.task} {verb}{where} ({attempt.cause}): {message}", attempt.at_ms)
