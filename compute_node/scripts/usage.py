"""What a job has used, as its watchdog and the GPUs tell it."""

from __future__ import annotations

from compute_node.scripts.orders import Ended, Used
from rpc.messages import ScriptUsage


def usage_of(told: Used | Ended, before: ScriptUsage, gpu_bytes: int) -> ScriptUsage:
    """What is known now; `before` is what was known before, `gpu_bytes` the GPU memory that is held now."""
    return ScriptUsage(
        cpu_s=told.cpu_s,
        memory_bytes=told.memory_bytes if isinstance(told, Used) else 0,
        peak_memory_bytes=told.peak_bytes,
        disk_bytes=told.disk_bytes,
        processes=told.processes,
        peak_disk_bytes=told.peak_disk_bytes,
        gpu_memory_bytes=gpu_bytes,
        peak_gpu_memory_bytes=max(before.peak_gpu_memory_bytes, gpu_bytes),
    )
