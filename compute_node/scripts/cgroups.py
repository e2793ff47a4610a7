"""Control groups of Linux, versions 1 and 2: the kernel's own limits on memory, processor time and processes.

A machine has version 1, version 2, or both with each controller in one of them (`hybrid`).
Sources: the kernel's Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from compute_node.scripts.box import Limits

_PERIOD_US = 100_000
_REMOVE_WITHIN_S = 2.0
_CONTROLLERS = ("memory", "cpu", "cpuacct", "pids")
# `cgroup.kill` needs no controller; in a hybrid it is the only use that version 2 has for us.
_KILL = "kill"
_NODE = "roundhouse-node"
_MOUNTS = "/proc/self/mountinfo"

# The group below which a job's own is made, for each controller that is there: (version, folder).
Parents = dict[str, tuple[int, str]]


def find_parents() -> Parents:
    """Where this process may make groups, by what is mounted; whether it really may, a trial tells."""
    return groups_in(Path("/proc/self/cgroup").read_text(), Path(_MOUNTS).read_text())


def group_of_process(pid: int) -> Group:
    """The groups in which a process is; OSError if there is none."""
    return Group(groups_in(Path(f"/proc/{pid}/cgroup").read_text(), Path(_MOUNTS).read_text()))


def groups_in(own: str, mounts: str) -> Parents:
    """The groups of a process, by its /proc/PID/cgroup and our /proc/PID/mountinfo."""
    groups = _own_groups(own)
    parents: Parents = {}
    for root, where, kind, options in _mounts(mounts):
        if kind == "cgroup2":
            folder = _join(where, root, groups.get("", "/"))
            offered = _offered(folder)
            parents |= {name: (2, folder) for name in _CONTROLLERS if name in offered}
            parents[_KILL] = (2, folder)
        else:
            here = [name for name in _CONTROLLERS if name in options and name in groups]
            parents |= {name: (1, _join(where, root, groups[name])) for name in here}
    return parents


def settle(parents: Parents) -> None:
    """Make room for groups of jobs below this process's group of version 2.

    Such a group hands controllers on only while it holds no process itself, so this process moves to a leaf.

    Raises:
        OSError: the group is not ours, or holds other processes.
    """
    wanted = [name for name, (version, _) in parents.items() if version == 2 and name != _KILL]
    if not wanted:
        return
    folder = Path(parents[wanted[0]][1])
    if (folder / "cgroup.type").exists():  # the root of all groups has none, and may hold processes
        leaf = folder / _NODE
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text(str(os.getpid()))
    (folder / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in wanted))


@dataclass(frozen=True, slots=True)
class Group:
    """The groups of one job, one folder per controller (one for all in version 2)."""

    folders: Parents

    @property
    def enforced(self) -> set[str]:
        """Names of the limits that the kernel keeps here."""
        names = {"memory": "memory_bytes", "cpu": "cpus", "pids": "pids"}
        return {limit for controller, limit in names.items() if controller in self.folders}

    def set_limits(self, limits: Limits, extra_pids: int) -> None:
        """Write the limits; `extra_pids` are processes of the sandbox itself."""
        if "memory" in self.folders:
            self._limit_memory(limits.memory_bytes)
        if "cpu" in self.folders:
            quota_us = max(1000, int(limits.cpus * _PERIOD_US))
            if self.folders["cpu"][0] == 2:
                self._write("cpu", "cpu.max", f"{quota_us} {_PERIOD_US}")
            else:
                self._write("cpu", "cpu.cfs_period_us", _PERIOD_US)
                self._write("cpu", "cpu.cfs_quota_us", quota_us)
        if "pids" in self.folders:
            self._write("pids", "pids.max", limits.pids + extra_pids)

    def join(self) -> None:
        """Move this process, and so all that it will start, into the groups."""
        for folder in self._each_folder():
            (folder / "cgroup.procs").write_text("0")

    def members(self) -> list[int]:
        """Processes in the groups."""
        with suppress(OSError, StopIteration):
            folder = next(iter(self._each_folder()))
            return [int(line) for line in (folder / "cgroup.procs").read_text().split()]
        return []

    def kill(self) -> bool:
        """Kill all members at once; False if the kernel cannot (before 5.14)."""
        if _KILL not in self.folders:
            return False
        try:
            self._write(_KILL, "cgroup.kill", 1)
        except OSError:
            return False
        return True

    def memory_kills(self) -> int:
        """How often the kernel has ended a member for want of memory."""
        return self._counter("memory", ("memory.oom_control", "memory.events"), "oom_kill")

    def refused_pids(self) -> int:
        """How often a member was refused another process or thread."""
        return self._counter("pids", ("pids.events", "pids.events"), "max")

    def peak_memory_bytes(self) -> int | None:
        """Most memory in use so far; None where the kernel does not tell."""
        return self._number("memory", ("memory.max_usage_in_bytes", "memory.peak"))

    def cpu_s(self) -> float | None:
        """Processor time of all members so far, in seconds; None where the kernel does not tell."""
        if self.folders.get("cpuacct", (0, ""))[0] == 1:
            used_ns = self._number("cpuacct", ("cpuacct.usage", ""))
            return None if used_ns is None else used_ns / 1e9
        return (
            self._counter("cpu", ("", "cpu.stat"), "usage_usec") / 1e6
            if self.folders.get("cpu", (1,))[0] == 2
            else None
        )

    def remove(self) -> bool:
        """Remove the groups; False if they still hold a process after a while."""
        deadline = monotonic() + _REMOVE_WITHIN_S
        while (left := [each for each in self._each_folder() if not _removed(each)]) and monotonic() < deadline:
            sleep(0.01)  # the kernel takes a moment to let go of members that have just ended
        return not left

    def _limit_memory(self, memory_bytes: int) -> None:
        if self.folders["memory"][0] == 2:
            self._write("memory", "memory.max", memory_bytes)
            self._write("memory", "memory.oom.group", 1)
            self._write("memory", "memory.swap.max", 0, needed=False)
        else:
            self._write("memory", "memory.limit_in_bytes", memory_bytes)
            self._write("memory", "memory.memsw.limit_in_bytes", memory_bytes, needed=False)

    def _each_folder(self) -> Iterable[Path]:
        return [Path(folder) for folder in dict.fromkeys(folder for _, folder in self.folders.values())]

    def _write(self, controller: str, file: str, value: int | str, *, needed: bool = True) -> None:
        path = Path(self.folders[controller][1], file)
        if needed or path.exists():  # the files about swap are there only with swap accounting
            path.write_text(str(value))

    def _number(self, controller: str, files: tuple[str, str]) -> int | None:
        """The number in a file, which is named for version 1 and for version 2."""
        if controller in self.folders:
            version, folder = self.folders[controller]
            with suppress(OSError, ValueError):
                return int(Path(folder, files[version - 1]).read_text())
        return None

    def _counter(self, controller: str, files: tuple[str, str], key: str) -> int:
        if controller in self.folders:
            version, folder = self.folders[controller]
            with suppress(OSError, ValueError):
                return int(
                    dict(line.split() for line in Path(folder, files[version - 1]).read_text().splitlines())[key]
                )
        return 0


def group_of(parents: Parents, name: str) -> Group:
    """The groups that a job of this name has or had."""
    return Group(
        {controller: (version, f"{folder}/roundhouse-{name}") for controller, (version, folder) in parents.items()}
    )


def make_group(parents: Parents, name: str) -> Group:
    """Make the groups of a job; those that may not be made are left out."""
    made: Parents = {}
    for controller, (version, folder) in group_of(parents, name).folders.items():
        with suppress(OSError):
            Path(folder).mkdir(exist_ok=True)
            made[controller] = (version, folder)
    return Group(made)


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _own_groups(text: str) -> dict[str, str]:
    """Controller -> group of this process, of /proc/self/cgroup; version 2 has the controller ''."""
    own: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, group = line.split(":", 2)
        own |= dict.fromkeys(controllers.split(","), group)
    return own


def _mounts(text: str) -> Iterable[tuple[str, str, str, set[str]]]:
    """Root, place, kind and options of the mounted hierarchies, of /proc/self/mountinfo."""
    for line in text.splitlines():
        head, _, tail = line.partition(" - ")
        kind, _, options = tail.split(" ")[:3]
        if kind in ("cgroup", "cgroup2"):
            root, where = head.split(" ")[3:5]
            yield root, where, kind, {*options.split(",")}


def _offered(folder: str) -> list[str]:
    with suppress(OSError):
        return Path(folder, "cgroup.controllers").read_text().split()
    return []


def _join(where: str, root: str, group: str) -> str:
    """The folder of `group` in a hierarchy of which `root` is mounted at `where`."""
    inner = group.removeprefix(root) if root != "/" else group
    return f"{where}/{inner.strip('/')}".rstrip("/")
