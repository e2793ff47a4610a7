"""What becomes of a command that could not be carried out."""

from __future__ import annotations

from coordinator.core.events import Broke, Command, Compute, Computed, Event, Fetch, Reported, Start
from coordinator.core.jobs import Unable
from rpc.errors import FailureKind


def consequences(command: Command) -> list[Event]:
    """What the dispatcher must hear when a command could not be carried out: nobody else would tell it."""
    match command:
        case Start(attempt) | Fetch(attempt):
            broke = Broke(FailureKind.SETUP_FAILED, "the coordinator could not start it; its log says why")
            return [Reported(attempt, broke)]
        case Compute(job):
            return [Computed(job, Unable(FailureKind.INTERNAL, "an internal error; the coordinator's log has it"))]
    return []
