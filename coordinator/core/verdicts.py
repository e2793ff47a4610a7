"""What an attempt that went wrong means for its task: another try, or the end."""

from __future__ import annotations

from coordinator.core.events import Broke
from coordinator.core.model import Task
from coordinator.core.retry import Rule
from rpc.errors import FailureKind


def after_failure(task: Task, node_id: str, failure: Broke, rule: Rule, *, limit: int) -> Broke | None:
    """Count a failure on a node, which the task avoids from now on; return why the task fails for good, if it does."""
    task.failures[failure.kind] = task.failures.get(failure.kind, 0) + 1
    task.avoid.add(node_id)
    if rule.tries and task.failures[failure.kind] >= rule.tries:
        return failure
    if sum(task.failures.values()) >= limit:
        return Broke(FailureKind.POISON, f"failed {limit} times, last: {failure.message}")
    return None


def after_loss(task: Task, node_id: str, *, limit: int) -> Broke | None:
    """Count a node that was lost under the task; return why the task fails for good, if it does."""
    task.lost_nodes.add(node_id)
    task.avoid.add(node_id)
    if len(task.lost_nodes) < limit:
        return None
    lost = ", ".join(sorted(task.lost_nodes))
    return Broke(FailureKind.POISON, f"{limit} nodes were lost while working on it: {lost}")
