"""What is heard of nodes but for their sessions: heartbeats, orders of people, what was so before a restart."""

from __future__ import annotations

from coordinator.core.events import Beat, NodeOrder, Note, Ordered, Recalled
from coordinator.core.pool import NodePool


def heed(pool: NodePool, event: Beat | Ordered | Recalled, now: float) -> list[Note]:
    """Take it in; return what there is to tell of it."""
    match event:
        case Beat():
            _hear(pool, event, now)
        case Ordered():
            return _obey(pool, event)
        case Recalled():
            pool.recall(event.node_id, event.counts, until=event.until, reason=event.reason)
    return []


def _obey(pool: NodePool, event: Ordered) -> list[Note]:
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


def _hear(pool: NodePool, beat: Beat, now: float) -> None:
    node = pool.get(beat.node_id, beat.session)
    if node is None:
        return
    pool.beat(node, now, beat.numeric_classes, beat.labels)
    node.use = beat.use
    if beat.is_leaving and not node.is_leaving:
        pool.leaving(node)
