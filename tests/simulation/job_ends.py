"""How a script job may end: with the result of a copy that completed, or for a reason that the facts give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from coordinator.core.events import Broke, Delivered, Outcome, Submitted
from coordinator.core.model import Work, WorkState
from coordinator.core.scripting import ScriptJob
from coordinator.core.workload import Before, Scripted
from rpc.errors import FailureKind
from rpc.messages import DataFile, ScriptEnd, ScriptSpec, ScriptUsage
from tests.simulation.flaw import Flaw
from tests.simulation.job_nodes import Copy, JobNodes
from tests.simulation.job_schedule import LEASE_S, Fate, JobPlan

FAILURES = {Fate.FAILED: FailureKind.USER_ERROR, Fate.TIMEOUT: FailureKind.TIMEOUT}
_SET_BACKS = (FailureKind.NODE_LOST, FailureKind.POISON, FailureKind.SETUP_FAILED)


@dataclass(slots=True)
class Row:
    """What is committed of a job."""

    plan: JobPlan
    node: str = ""
    has_begun: bool = False
    failures: Mapping[FailureKind, int] = field(default_factory=dict)
    state: WorkState | None = None


def submission(row: Row, rows: Mapping[str, Row], *, array: str = "") -> Submitted:
    """What the coordinator takes up of a job, at first or after a restart."""
    plan, ends = row.plan, {name: rows[name].state for name, _ in row.plan.after}
    after = tuple(f"{name}:any" if any_end else name for name, any_end in plan.after)
    order: dict[str, Any] = {"after": after, "priority": plan.priority}
    spec = ScriptSpec(plan.id, DataFile("x.zip", "blob", 1), owner=plan.owner, retries=plan.retries, **order)
    before = Before(row.node, row.has_begun, row.failures) if row.node else None
    job = ScriptJob(plan.id, spec, lease_s=LEASE_S, before=before, array=array)
    return Submitted(job, ends={name: state for name, state in ends.items() if state is not None})


def outcome_of(copy: Copy, node_id: str) -> Outcome:
    """What the coordinator is told of the end of a copy."""
    match copy.fate:
        case "preempted":
            return Broke(FailureKind.PREEMPTED, copy.name, is_over=True)
        case "lease":
            return Broke(FailureKind.NODE_LOST, copy.name, is_over=True)
        case Fate.SETUP_FAILED:
            return Broke(FailureKind.SETUP_FAILED, copy.name, is_over=True)
        case Fate.FAILED | Fate.TIMEOUT:
            end = ScriptEnd(1, int(FAILURES[Fate(copy.fate)]), copy.name)
        case _:
            end = ScriptEnd(0, 0, copy.name)
    return Delivered("", Scripted(end, ScriptUsage(), node_id, "bwrap"))


def check_patience(plan: JobPlan, rows: Mapping[str, Row], *, goes_on: bool) -> None:
    """Raise Flaw if a job that was cancelled goes on to wait for others."""
    if goes_on and any(rows[name].state is None for name, _ in plan.after):
        raise Flaw(f"{plan.id} waits for others, and does not end at once when it is cancelled")


def check_owners(running: Iterable[Work], most: int) -> None:
    """Raise Flaw if more of one owner runs than may; what ran before a restart goes on whatever the limit."""
    counts = Counter(work.owner.name for work in running if not work.ran_before)
    if most and max(counts.values(), default=0) > most:
        raise Flaw(f"{dict(counts)} run of each owner, and {most} may")


def check_turn(plan: JobPlan, rows: Mapping[str, Row]) -> None:
    """Raise Flaw if the job may not begin, as far as is committed of those that it comes after."""
    open_ones = [name for name, _ in plan.after if rows[name].state is None]
    if open_ones:
        raise Flaw(f"{plan.id} begins before the end of {open_ones[0]} is committed")
    if bad_end(plan, rows) is not None:
        raise Flaw(f"{plan.id} begins although {bad_end(plan, rows)} has not completed")


def bad_end(plan: JobPlan, rows: Mapping[str, Row]) -> str | None:
    """A job that should have completed for this one to begin, and has not."""
    bad = (WorkState.FAILED, WorkState.CANCELLED)
    return next((name for name, any_end in plan.after if not any_end and rows[name].state in bad), None)


def check_preempted(work: Work, open_works: Iterable[Work], *, preempts: bool) -> None:
    """Raise Flaw if nobody may have the work end for the sake of others."""
    highest = max((each.claim.priority for each in open_works if each is not work and not each.awaits), default=0)
    if not preempts or highest <= work.claim.priority:
        raise Flaw(f"{work.id} is preempted, and nobody waits that has a higher priority")
    if work.workload.limits.max_attempts == 1:
        raise Flaw(f"{work.id} is preempted, and may be begun only once")


def check_end(work: Work, rows: Mapping[str, Row], nodes: JobNodes, *, is_cancelled: bool) -> None:
    """Raise Flaw if the job may not end so."""
    plan = rows[work.id].plan
    begun, limit = nodes.begun[plan.id] - nodes.preempted[plan.id], plan.retries + 1
    if begun > limit + nodes.unheard[plan.id]:
        raise Flaw(f"{plan.id} was begun {begun} times, and may be {limit} times")
    if work.state is WorkState.COMPLETED and work.reason not in nodes.completed:
        raise Flaw(f"{plan.id} has the result of {work.reason!r}, which has not completed")
    if work.failure is FailureKind.CANCELLED and not is_cancelled:
        raise Flaw(f"{plan.id} was cancelled by nobody")
    if work.failure is FailureKind.DEPENDENCY and bad_end(plan, rows) is None:
        raise Flaw(f"{plan.id} is given up, though nothing keeps it: {work.reason}")
    if work.state is WorkState.FAILED:
        is_told = work.failure is FAILURES.get(plan.fate)
        is_lost = work.failure in _SET_BACKS and nodes.lost[plan.id] >= limit
        if not (is_told or is_lost):
            raise Flaw(f"{plan.id} failed without a cause: {work.failure.code}: {work.reason}")
