"""What people order of nodes, and what nodes say of themselves between hello and the end of a session."""

from __future__ import annotations

from coordinator.core.events import Beat, NodeOrder, Note, Ordered
from coordinator.core.pool import NodePool


def obey(pool: NodePool, event: Ordered) -> list[Note]:
    """Carry out an order; return what there is to tell of it."""
    match event.order:
        case NodeOrder.DRAIN:
            pool.drain(event.node_id, True)
            note = Note("drained", event.reason or "it gets nothing new", node_id=event.node_id)
            return [note] if event.is_news else []
        case NodeOrder.RESUME:
            pool.drain(event.node_id, False)
            return [Note("resumed", event.reason, node_id=event.node_id)]
        case NodeOrder.READMIT:
            if pool.pardon(event.node_id):
                return [Note("readmitted", event.reason or "somebody said so", node_id=event.node_id)]
        case NodeOrder.REMOVE:
            node = pool.current(event.node_id)
            if node is not None:
                pool.leaving(node)  # it goes because somebody wants that: no task has brought it down
    return []


def hear(pool: NodePool, beat: Beat, now: float) -> None:
    """A node answered a heartbeat."""
    node = pool.get(beat.node_id, beat.session)
    if node is None:
        return
    pool.beat(node, now, beat.numeric_classes)
    node.cpu, node.memory_used_bytes = beat.cpu, beat.memory_used_bytes
    node.labels.update(beat.labels)
    if beat.is_leaving and not node.is_leaving:
        pool.leaving(node)
