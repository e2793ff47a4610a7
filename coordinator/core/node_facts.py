"""What nodes tell of themselves, and what is counted of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rpc.messages import GpuUse


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """What a node said of itself in hello; `kept` are the tasks that it runs already, or whose results it has."""

    id: str
    name: str = ""
    slots: int = 1
    device: str = "cpu"
    numeric_classes: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    identity: str = ""
    version: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class MachineUse:
    """How much of a node's machine is in use, as its last heartbeat told; `cpu` is a share of all cores, 0..1."""

    cpu: float = 0.0
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0
    disk_free_bytes: int = 0
    disk_total_bytes: int = 0
    gpus: tuple[GpuUse, ...] = ()
    cache_bytes: int = 0


class TaskCounts(NamedTuple):
    """How many tasks a node has done, has rejected, and has failed."""

    done: int = 0
    rejected: int = 0
    failed: int = 0


NO_TASKS = TaskCounts()
