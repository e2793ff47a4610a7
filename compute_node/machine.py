"""What the node tells of the machine it runs on."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import subprocess
from itertools import takewhile
from pathlib import Path

import psutil

logger = logging.getLogger(__name__)


_GPU_S = 10.0  # that nvidia-smi may take
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


def gpu_labels() -> dict[str, str]:
    """Model, memory and number of the GPUs that this node may use, if there are any; takes a while where there are."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return {}
    asked = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=_GPU_S, check=True).stdout
        gpus = [line.rsplit(",", 1) for line in answer.splitlines() if line.strip()]
        models, sizes = [name.strip() for name, _ in gpus], [int(size) << 20 for _, size in gpus]
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        logger.debug("nvidia-smi told nothing of use: %s", error)
        return {}
    numbers = [number for number in gpu_numbers(len(models)) if number < len(models)]
    if not numbers:
        return {}
    return {"gpu": models[numbers[0]], "gpu-memory": _gib(sizes[numbers[0]]), "gpus": str(len(numbers))}


def gpu_numbers(n_gpus: int) -> tuple[int, ...]:
    """The numbers of so many GPUs: those that CUDA_VISIBLE_DEVICES names, or the machine's first."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None or named.startswith(("GPU-", "MIG-")):
        return tuple(range(n_gpus))
    valid = takewhile(str.isdecimal, map(str.strip, named.split(",")))  # as CUDA does
    return tuple(map(int, valid))[:n_gpus]


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
