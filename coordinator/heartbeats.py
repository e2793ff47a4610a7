"""What a node's answer to a heartbeat tells the dispatcher."""

from __future__ import annotations

from coordinator.core.events import Beat
from coordinator.core.node_facts import MachineUse
from rpc.messages import NodeStatus


def beat_of(node_id: str, session: int, status: NodeStatus) -> Beat:
    """The event that the answer is."""
    use = MachineUse(
        cpu=status.cpu,
        memory_used_bytes=status.memory_used_bytes,
        memory_total_bytes=status.memory_total_bytes,
        disk_free_bytes=status.disk_free_bytes,
        disk_total_bytes=status.disk_total_bytes,
        gpus=status.gpus,
        cache_bytes=status.cache_bytes,
    )
    return Beat(
        node_id=node_id,
        session=session,
        numeric_classes=status.numeric_classes,
        use=use,
        labels=status.labels,
        is_leaving=status.leaving,
    )
