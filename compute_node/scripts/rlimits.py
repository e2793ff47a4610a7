"""Limits of a single process, which every Unix has: the second line of defence, and the only one of the weak level."""

from __future__ import annotations

import resource

from compute_node.scripts.box import Box, Inside, Limits


def inside(box: Box) -> Inside:
    """A job without a file system of its own sees the node's paths."""
    return Inside(work=box.work, out=box.out, tmp=box.tmp, all_gpus=True)


def restrict(limits: Limits, *, memory: bool, pids: bool) -> None:
    """Limit this process, and each that it will start, for good.

    Args:
        memory: count its data (of each process for itself), for want of a limit on all together.
        pids: count the processes of its user, which must be the job's alone.
    """
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_NOFILE, limits.open_files)
    _set(resource.RLIMIT_FSIZE, limits.file_bytes)
    if memory:
        # Not RLIMIT_AS: address space costs nothing, and some libraries reserve a lot.
        _set(resource.RLIMIT_DATA, limits.memory_bytes)
    if pids:
        _set(resource.RLIMIT_NPROC, limits.pids)


def _set(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (most, most))
