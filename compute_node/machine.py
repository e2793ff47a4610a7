"""What the node tells of the machine it runs on."""

from __future__ import annotations

import os
import platform

import psutil


def labels() -> dict[str, str]:
    """Facts that tell machines apart."""
    return {"os": platform.system().lower(), "arch": platform.machine(), "python": platform.python_version()}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> tuple[int, int]:
    """Memory in use and in all, in bytes."""
    memory = psutil.virtual_memory()
    return memory.total - memory.available, memory.total


def cpu_share() -> float:
    """Share of all cores in use since the last call, 0..1."""
    return float(psutil.cpu_percent(None)) / 100.0
