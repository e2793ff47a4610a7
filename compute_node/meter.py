"""How much of the machine is in use, for each heartbeat; what takes its time is asked elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from compute_node import machine
from compute_node.cache import Cache
from compute_node.gpus import GpuWatch
from rpc.messages import NodeStatus


@dataclass(frozen=True, slots=True)
class Meter:
    """Of one node; `folder` is on the disk that fills with what it keeps."""

    folder: Path
    gpus: GpuWatch
    cache: Cache

    def measured(self, status: NodeStatus) -> NodeStatus:
        """The same with what is in use now."""
        memory_used_bytes, memory_total_bytes = machine.memory_bytes()
        disk_free_bytes, disk_total_bytes = machine.disk_bytes(self.folder)
        return replace(
            status,
            cpu=machine.cpu_share(),
            memory_used_bytes=memory_used_bytes,
            memory_total_bytes=memory_total_bytes,
            disk_free_bytes=disk_free_bytes,
            disk_total_bytes=disk_total_bytes,
            gpus=self.gpus.latest.gpus,
            cache_bytes=self.cache.size,
        )
