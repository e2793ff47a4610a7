"""What is said of nodes: a row for each, its heartbeat, and how one joins. Part of rpc.messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class GpuUse:
    name: str
    busy: float = 0.0
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0


@dataclass(frozen=True, slots=True)
class NodeRow:
    id: str
    name: str
    state: str
    slots: int = 0
    running: int = 0
    done: int = 0
    rejected: int = 0
    failed: int = 0
    speed: float = 0.0
    device: str = ""
    reason: str = ""
    cpu: float = 0.0
    memory_used_bytes: int = 0
    identity: str = ""
    source: str = ""
    address: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    numeric_classes: Mapping[str, str] = field(default_factory=dict)
    heard_ms: int = 0
    until_ms: int = 0
    version: str = ""
    memory_total_bytes: int = 0
    disk_free_bytes: int = 0
    disk_total_bytes: int = 0
    gpus: tuple[GpuUse, ...] = ()
    cache_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Join:
    node: str
    key: str
    connection: str
    session: int
    instance: str = ""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    attempts: tuple[str, ...] = ()
    load: float = 0.0
    cpu: float = 0.0
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0
    numeric_classes: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    leaving: bool = False
    disk_free_bytes: int = 0
    disk_total_bytes: int = 0
    gpus: tuple[GpuUse, ...] = ()
    cache_bytes: int = 0
