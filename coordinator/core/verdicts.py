"""What the report of an attempt means for its task: an answer or none; if it went wrong, another try or the end."""

from __future__ import annotations

from math import inf

from coordinator.core.events import Broke, Delivered, Outcome
from coordinator.core.model import Task, TaskState, Work, WorkState
from coordinator.core.retry import rule_for
from rpc.errors import FailureKind

_CANCELLED = dict.fromkeys((FailureKind.CANCELLED, FailureKind.DEPENDENCY), WorkState.CANCELLED)
_END_STATES = {FailureKind.NONE: WorkState.COMPLETED, **_CANCELLED}
_UNHEARD = 20  # times that a task goes on with an attempt that its node tells nonsense of


def is_answer(outcome: Outcome, state: TaskState) -> bool:
    """Whether an attempt of a task in this state reports so; said twice, a report may come in a later state."""
    if state is TaskState.FETCHING:
        return isinstance(outcome, Delivered | Broke)
    return state is TaskState.PLACED


def failures_of(work: Work) -> dict[FailureKind, int]:
    """What counts against the open task of a job, by kind."""
    return {kind: times for task in work.tasks.values() for kind, times in task.failures.items()}


def after_failure(work: Work, task: Task, node_id: str, failure: Broke) -> Broke | None:
    """Count a failure on a node, which the task avoids from now on; return why the task fails for good, if it does.

    One that is bound to the node has not come to its end there, and is asked for again.
    """
    if task.bound:
        task.unheard += 1
        return failure if task.unheard >= _UNHEARD else None
    task.failures[failure.kind] = task.failures.get(failure.kind, 0) + 1
    task.avoid.add(node_id)
    if failure.kind is FailureKind.MISSING_BLOB:
        work.lacking[task.spec.data, node_id] += 1
    tries, limit = rule_for(failure.kind).tries, work.workload.limits.max_attempts
    if tries and task.failures[failure.kind] >= tries:
        return failure
    if sum(task.failures.values()) >= limit:
        return failure if limit == 1 else Broke(FailureKind.POISON, f"failed {limit} times, last: {failure.message}")
    return None


def after_loss(task: Task, node_id: str, *, limit: int) -> Broke | None:
    """Count a node that was lost under the task; return why the task fails for good, if it does.

    One that is bound to the node may live on there: that counts once it cannot any more.
    """
    if task.bound:
        return None
    task.lost_nodes.add(node_id)
    task.avoid.add(node_id)
    if len(task.lost_nodes) < limit:
        return None
    lost = ", ".join(sorted(task.lost_nodes))
    return Broke(FailureKind.POISON, f"{limit} nodes were lost while working on it: {lost}")


def after_silence(work: Work, task: Task) -> Broke | None:
    """Free a task of the node that nothing of it lives on any more; return why it fails for good, if it does."""
    node_id, task.bound, task.bound_until = task.bound, "", inf
    if not task.tries:
        return None  # it was only about to be begun when the coordinator was started anew
    lost = Broke(FailureKind.NODE_LOST, f"{node_id} was lost while it ran there", is_over=True)
    return after_failure(work, task, node_id, lost)


def state_after(failure: FailureKind) -> WorkState:
    """How a work has ended that ended for this reason."""
    return _END_STATES.get(failure, WorkState.FAILED)
