"""A node's no: its right, and no failure. The task goes elsewhere, or is asked for again after a while."""

from __future__ import annotations

from coordinator.core.events import Command, Declined, Note
from coordinator.core.model import Node, Task, Work
from coordinator.core.pool import NodePool
from coordinator.core.set_backs import set_back
from rpc.errors import RejectReason

# What does not change from one second to the next: whoever says so is asked again much later.
_FIRM = (RejectReason.OPERATOR, RejectReason.LABELS, RejectReason.CLASS)


def decline(pool: NodePool, work: Work, task: Task, node: Node | None, said: Declined) -> list[Command]:
    """Take in that the node of the live attempt does not want it; return what there is to tell."""
    assert task.attempt is not None
    node_id, cause = task.attempt.node_id, said.reason.name.lower()
    task.refused(node_id, is_firm=said.reason in _FIRM, is_crowded=_is_crowded(work, said.reason))
    work.rejections += 1
    if node is not None:
        node.rejected += 1
        if said.reason is RejectReason.DRAINING:
            pool.leaving(node)
    number, shard = task.spec.order
    return [
        Note("rejected", said.message or cause, work.id, node_id, number, shard),
        set_back(work, task, cause, said.message, rejected=True),
    ]


def _is_crowded(work: Work, reason: RejectReason) -> bool:
    """Whether the node would take the script job beside fewer others; which GPUs are free is known here."""
    script = work.claim.script
    if script is None:
        return False
    return reason in (RejectReason.NO_SLOT, RejectReason.MEMORY) or (reason is RejectReason.BUSY and script.cpus > 0)
