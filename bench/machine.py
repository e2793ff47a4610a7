"""What the figures were measured on: processor, system, versions, the kernels of BLAS, and what else was running."""

from __future__ import annotations

import os
import platform
import sys
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy  # noqa: F401  # threadpoolctl sees a BLAS only when it is loaded
from threadpoolctl import threadpool_info

from compute_node.machine import cores, memory_bytes
from rpc.program import VERSION

_PACKAGES = (
    *("numpy", "numba", "thrift", "scikit-learn", "torch", "jax", "grpcio", "flwr", "ray", "distributed"),
    *("xxhash", "psutil"),
)


def describe() -> dict[str, str]:
    """Return name and value of everything a reader needs to compare figures."""
    blas = threadpool_info()
    return {
        "date": date.today().isoformat(),
        "processor": f"{_processor()}, {cores()} cores, {memory_bytes()[1] / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "roundhouse": VERSION,
        "BLAS of NumPy": ", ".join(f"{each['internal_api']} {each['version']} {_kernel(each)}" for each in blas),
        "packages": ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
        "load at the start": _load(),
        "command": " ".join(["python -m bench", *sys.argv[1:]]),
    }


def _load() -> str:
    return "{:.1f} {:.1f} {:.1f}".format(*os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _kernel(library: dict[str, str]) -> str:
    return library.get("architecture", "unknown kernels")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
