"""The sandbox of bubblewrap: namespaces of its own for everything, an almost empty file system, no capabilities."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from glob import glob

from compute_node.scripts.box import MIB, Box, Inside

PROGRAM = "bwrap"
_PRLIMIT = shutil.which("prlimit", path="/usr/bin:/bin") or "prlimit"  # not by the job's own PATH
OWN_PROCESSES = 2  # bubblewrap itself and the first process of the PID namespace
INSIDE = Inside(work="/job", out="/job/out", tmp="/tmp")

# The system that a program needs. Of /etc only what the loader and the C library read: the rest may hold secrets.
_SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin")
_ETC = (
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "nsswitch.conf",
    "ssl/certs",
    "ssl/openssl.cnf",
)
_ETC_NETWORK = ("hosts", "resolv.conf", "services", "protocols", "gai.conf")
_SHARED_MEMORY_BYTES = 64 * MIB  # /dev/shm, as in containers; it counts as the job's memory
_GPU_DEVICES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset")
_GPU_DRIVER = "/proc/driver/nvidia"


def arguments(box: Box, *, status_fd: int, passwd_fd: int, group_fd: int) -> list[str]:
    """What bubblewrap is told before the program: all but the program itself, which stands on its command line."""
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
        *("--cap-drop", "ALL", "--hostname", "job", "--json-status-fd", str(status_fd)),
        *(["--share-net"] if box.network else []),
        *_system(box.network),
        *("--ro-bind-data", str(passwd_fd), "/etc/passwd", "--ro-bind-data", str(group_fd), "/etc/group"),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--size", str(_SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm"),
        *_gpus(box.gpus),
        *("--bind", box.work, INSIDE.work, "--bind", box.out, INSIDE.out, "--bind", box.tmp, INSIDE.tmp),
        # After /tmp: they may lie in the machine's.
        *(word for path in box.read_only for word in ("--ro-bind", path, path)),
        *(word for path in box.writable for word in ("--bind", path, path)),
        *(word for name, path in box.datasets.items() for word in ("--ro-bind", path, f"{INSIDE.work}/data/{name}")),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", INSIDE.work, "--clearenv"),
        *(word for name, value in box.environment(INSIDE).items() for word in ("--setenv", name, value)),
    ]


def command(box: Box, arguments_fd: int) -> list[str]:
    """The command line; the rest is read from a file, since everyone on the machine can read command lines.

    The number of processes is limited inside, where only the sandbox's own are counted.
    """
    limits = (_PRLIMIT, f"--nproc={box.limits.pids + OWN_PROCESSES}", "--")
    return [PROGRAM, "--args", str(arguments_fd), "--", *limits, *box.argv]


def _system(network: bool) -> Iterator[str]:
    for path in _SYSTEM:
        if os.path.islink(path):
            yield from ("--symlink", os.readlink(path), path)
        elif os.path.isdir(path):
            yield from ("--ro-bind", path, path)
    for name in (*_ETC, *(_ETC_NETWORK if network else ())):
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def _gpus(numbers: tuple[int, ...]) -> Iterator[str]:
    if not numbers:
        return
    for path in (*(gpu_device(number) for number in numbers), *_GPU_DEVICES):
        yield from ("--dev-bind-try", path, path)
    yield from ("--ro-bind-try", _GPU_DRIVER, _GPU_DRIVER)


def gpu_device(number: int, driver: str = _GPU_DRIVER) -> str:
    """The device file of a GPU; drivers do not number these by the PCI bus on all machines, as nvidia-smi does."""
    told = sorted(glob(f"{driver}/gpus/*/information"))[number : number + 1]
    for path in told:
        with open(path) as lines:
            minors = [line.partition(":")[2].strip() for line in lines if line.startswith("Device Minor:")]
        if minors:
            return f"/dev/nvidia{minors[0]}"
    return f"/dev/nvidia{number}"
