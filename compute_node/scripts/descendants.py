"""The processes that a job has started, found and ended without the kernel's help of groups.

This process is made the parent of whatever loses its own (`PR_SET_CHILD_SUBREAPER`), so everything that the job ever
started stays below it, whatever session it moves to. Weaker than a group or a PID namespace: a job that forks faster
than it is found may outrun the sweep for a while.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from time import monotonic, sleep
from typing import NamedTuple

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    """What /proc/PID/stat tells of a process."""

    parent: int
    threads: int
    cpu_s: float
    resident_bytes: int
    started_at: int  # in clock ticks since the machine started: with the number it names a process for good


def stat_of(pid: int) -> Stat | None:
    """What the kernel says of a process, or None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    if fields[0] in b"ZX":
        return Stat(int(fields[1]), 0, 0.0, 0, int(fields[19]))
    cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    return Stat(int(fields[1]), int(fields[17]), cpu_s, int(fields[21]) * _PAGE_BYTES, int(fields[19]))


def descendants(pid: int) -> list[int]:
    """Every process below `pid`."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (facts := stat_of(int(name))) is not None:
            children.setdefault(facts.parent, []).append(int(name))
    found = children.get(pid, [])
    for each in found:  # grows meanwhile
        found.extend(children.get(each, ()))
    return found


def sweep(deadline: float) -> bool:
    """Kill everything below this process until there is nothing; False if something is left at `deadline`."""
    while reap():
        if monotonic() > deadline:
            return False
        for pid in descendants(os.getpid()):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        sleep(0.001)
    return True


def reap() -> bool:
    """Take leave of children that have ended; whether this process still has any."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
