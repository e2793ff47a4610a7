"""How a script job may end: with the result of a copy that completed, or for a reason that the facts give."""

from __future__ import annotations

from dataclasses import dataclass

from coordinator.core.model import Work, WorkState
from rpc.errors import FailureKind
from tests.simulation.flaw import Flaw
from tests.simulation.job_nodes import JobNodes
from tests.simulation.job_schedule import Fate, JobPlan

FAILURES = {Fate.FAILED: FailureKind.USER_ERROR, Fate.TIMEOUT: FailureKind.TIMEOUT}
_SET_BACKS = (FailureKind.NODE_LOST, FailureKind.POISON, FailureKind.SETUP_FAILED)


@dataclass(slots=True)
class Row:
    """What is committed of a job."""

    plan: JobPlan
    node: str = ""
    has_begun: bool = False
    state: WorkState | None = None


def check_end(work: Work, plan: JobPlan, nodes: JobNodes, *, was_killed: bool, is_cancelled: bool) -> None:
    """Raise Flaw if the job may not end so; `was_killed`: a coordinator was, which forgets what it has counted."""
    begun, limit = nodes.begun[plan.id], plan.retries + 1
    if begun > limit and not was_killed:
        raise Flaw(f"{plan.id} was begun {begun} times, and may be {limit} times")
    if work.state is WorkState.COMPLETED and work.reason not in nodes.completed:
        raise Flaw(f"{plan.id} has the result of {work.reason!r}, which has not completed")
    if work.state is WorkState.CANCELLED and not is_cancelled:
        raise Flaw(f"{plan.id} was cancelled by nobody")
    if work.state is WorkState.FAILED:
        is_told = work.failure is FAILURES.get(plan.fate)
        is_lost = work.failure in _SET_BACKS and (was_killed or nodes.lost[plan.id] >= limit)
        if not (is_told or is_lost):
            raise Flaw(f"{plan.id} failed without a cause: {work.failure.code}: {work.reason}")
