"""What the node tells of the machine it runs on."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

import psutil

_CPU_INFO = Path("/proc/cpuinfo")


def labels() -> dict[str, str]:
    """Facts that tell machines apart."""
    return {
        "os": platform.system().lower(),
        "arch": platform.machine(),
        "python": platform.python_version(),
        "cpu": _cpu_model(),
        "cores": str(cores()),
        "memory": _gib(memory_bytes()[1]),
    }


def _cpu_model() -> str:
    try:
        lines = _CPU_INFO.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 30):.1f} GiB"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> tuple[int, int]:
    """Memory in use and in all, in bytes."""
    memory = psutil.virtual_memory()
    return memory.total - memory.available, memory.total


def disk_bytes(folder: Path) -> tuple[int, int]:
    """What is free for a folder and what there is in all, in bytes; (0, 0) where that cannot be known."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return 0, 0
    return usage.free, usage.total


def cpu_share() -> float:
    """Share of all cores in use since the last call, 0..1."""
    return float(psutil.cpu_percent(None)) / 100.0
