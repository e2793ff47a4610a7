"""What a node's answer to a heartbeat tells the dispatcher."""

from __future__ import annotations

from dataclasses import replace

from coordinator.core.events import Beat
from coordinator.core.node_facts import MachineUse
from rpc.messages import GpuUse, NodeStatus


def beat_of(node_id: str, session: int, status: NodeStatus) -> Beat:
    """The event that the answer is."""
    use = MachineUse(
        cpu=_share(status.cpu),
        memory_used_bytes=max(0, status.memory_used_bytes),
        memory_total_bytes=max(0, status.memory_total_bytes),
        disk_free_bytes=max(0, status.disk_free_bytes),
        disk_total_bytes=max(0, status.disk_total_bytes),
        gpus=tuple(map(_gpu, status.gpus)),
        cache_bytes=max(0, status.cache_bytes),
    )
    return Beat(
        node_id=node_id,
        session=session,
        numeric_classes=status.numeric_classes,
        use=use,
        labels=status.labels,
        is_leaving=status.leaving,
    )


def _gpu(use: GpuUse) -> GpuUse:
    return replace(
        use,
        busy=_share(use.busy),
        memory_used_bytes=max(0, use.memory_used_bytes),
        memory_total_bytes=max(0, use.memory_total_bytes),
    )


def _share(said: float) -> float:
    """A share of 1, whatever a node says: what is no number would be none in JSON, either."""
    return min(said, 1.0) if said >= 0.0 else 0.0
