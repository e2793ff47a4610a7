"""`compute_node.py --check`: what this machine has for a node, without serving one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import psutil

from compute_node import machine
from compute_node.gpus import look, nvidia_library
from compute_node.scripts.box import LIMIT_NAMES, Level
from compute_node.scripts.levels import LevelReport
from compute_node.scripts.opening import try_sandboxes
from compute_node.scripts.settings import ScriptSettings
from mlcore.kernels import get_backend
from rpc.errors import TrainerError
from rpc.findings import Finding
from rpc.findings import Level as How

_GB = 1e9
_LITTLE_DISK_BYTES, _LITTLE_MEMORY_BYTES = 2e9, 1e9
_NVIDIA = Path("/proc/driver/nvidia/version")


def check(*, device: str, data_dir: str | None, scripts: ScriptSettings) -> Iterator[Finding]:
    """Look at the machine as a node with these settings would find it; takes a few seconds."""
    yield _arithmetic(device)
    yield from _gpus()
    yield _memory()
    yield _disk(Path(data_dir or gettempdir()))
    with TemporaryDirectory(prefix="roundhouse-check-") as folder:
        reports = try_sandboxes(Path(folder), scripts)
    yield from _sandboxes(reports, scripts)


def _arithmetic(device: str) -> Finding:
    try:
        backend = get_backend(device)
    except (TrainerError, ImportError, ValueError) as error:
        return Finding("arithmetic", How.BAD, f"--device {device}: {error}", "choose another --device, as cpu")
    text = f"{backend.name}, {machine.cores()} cores"
    if backend.name == "numpy":
        return Finding("arithmetic", How.NOTE, text, "pip install 'roundhouse[fast]' brings numba: twice as fast")
    return Finding("arithmetic", How.OK, text)


def _gpus() -> Iterator[Finding]:
    nvidia = nvidia_library()
    if nvidia is not None:
        try:
            found = look(nvidia).gpus
        except nvidia.NVMLError as error:
            yield Finding("GPU", How.NOTE, f"NVIDIA's library does not tell of them: {error}", "look at `nvidia-smi`")
        else:
            for each in found:
                free = each.memory_total_bytes - each.memory_used_bytes
                yield Finding("GPU", How.OK, f"{each.name}, {free / _GB:.1f} GB free")
    elif _NVIDIA.exists():
        fix = "pip install 'roundhouse[gpu,cuda]'"
        yield Finding("GPU", How.NOTE, "there is a driver, and no library to ask it by", fix)
    else:
        yield Finding("GPU", How.OK, "none; all is computed on the CPU")


def _memory() -> Finding:
    used, total = machine.memory_bytes()
    text = f"{(total - used) / _GB:.1f} of {total / _GB:.1f} GB free"
    if total - used < _LITTLE_MEMORY_BYTES:
        return Finding("memory", How.NOTE, text, "end what takes it, or give jobs less with --max-memory-gb")
    return Finding("memory", How.OK, text)


def _disk(folder: Path) -> Finding:
    while not folder.exists():
        folder = folder.parent  # a data folder is made when it is needed
    free, total = machine.disk_bytes(folder)
    text = f"{free / _GB:.1f} of {total / _GB:.1f} GB free at {folder}"
    if not os.access(folder, os.W_OK):
        return Finding("disk", How.BAD, f"{folder} cannot be written to", "choose another --data-dir")
    if free < _LITTLE_DISK_BYTES:
        return Finding("disk", How.BAD, text, "remove something, or choose another --data-dir")
    return Finding("disk", How.OK, text)


def _sandboxes(reports: dict[Level, LevelReport], settings: ScriptSettings) -> Iterator[Finding]:
    for level, report in reports.items():
        yield _sandbox(level, report)
    if Level.DOCKER not in reports:
        text = f"no engine answers at {settings.engine or 'any URL'}; jobs with an image go to other nodes"
        yield Finding("sandbox docker", How.OK, text)
    if not any(report.works for report in reports.values()):
        yield Finding("script jobs", How.BAD, "none is taken: no sandbox works", "mend one of those above")
    elif os.geteuid() != 0:
        text = f"all run as {psutil.Process().username()}, as this node does"
        yield Finding("script jobs", How.OK, text + "; for root each has a user of its own")


def _sandbox(level: Level, report: LevelReport) -> Finding:
    about = f"sandbox {level}"
    if not report.works:
        return Finding(about, How.BAD, report.reason, _FIXES[level])
    missing = [name for name in LIMIT_NAMES if name not in report.enforced]
    if missing:
        text = f"works, but cannot enforce {', '.join(missing)}"
        fix = "start the node as root, or as a service of systemd with Delegate=yes"
        return Finding(about, How.NOTE, text, fix)
    return Finding(about, How.OK, f"works, and enforces {', '.join(report.enforced)}")


_FIXES = {
    Level.BWRAP: "apt-get install bubblewrap; inside a container it needs --privileged, or use --docker-url",
    Level.DOCKER: "start the engine, let this user use its socket, and pip install 'roundhouse[docker]'",
    Level.RLIMITS: "without --allow-weak-sandbox it is not tried",
}
