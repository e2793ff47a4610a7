"""The Linux calls that Python 3.11 has no function for."""

from __future__ import annotations

import ctypes
import os
from enum import IntEnum, IntFlag

_LIBC = ctypes.CDLL(None, use_errno=True)

# Of /usr/include/linux/prctl.h, sched.h, mount.h and keyctl.h.
_CLONE_NEWNS = 0x00020000
_KEYCTL_JOIN_SESSION_KEYRING = 1
_KEYCTL_NUMBERS = {"x86_64": 250, "aarch64": 219}


class Prctl(IntEnum):
    """What `prctl` is asked to set."""

    PDEATHSIG = 1
    DUMPABLE = 4
    CHILD_SUBREAPER = 36
    NO_NEW_PRIVS = 38


class Mount(IntFlag):
    """How something is mounted."""

    RDONLY = 1
    NOSUID = 2
    NODEV = 4
    BIND = 4096
    REC = 16384
    PRIVATE = 1 << 18


def prctl(what: Prctl, value: int) -> None:
    """Set one property of this process; OSError if the kernel says no."""
    if _LIBC.prctl(int(what), value, 0, 0, 0):
        raise _failure(f"prctl {what.name}")


def forbid_tracing() -> None:
    """Close memory, environment and open files of this process to others of the same user (until it runs a program)."""
    prctl(Prctl.DUMPABLE, 0)


def own_mounts() -> None:
    """Give this process its own view of what is mounted where."""
    if _LIBC.unshare(_CLONE_NEWNS):
        raise _failure("unshare")
    mount("none", "/", Mount.REC | Mount.PRIVATE)


def mount(source: str, target: str, flags: Mount, *, kind: str = "", options: str = "") -> None:
    """Mount `source` at `target`; OSError if the kernel says no."""
    if _LIBC.mount(source.encode(), os.fsencode(target), kind.encode() or None, int(flags), options.encode() or None):
        raise _failure(f"mount {target}")


def new_session_keyring() -> None:
    """Leave the keys of the session that started this process behind; where the kernel keeps none there are none."""
    number = _KEYCTL_NUMBERS.get(os.uname().machine)
    if number is not None:
        _LIBC.syscall(number, _KEYCTL_JOIN_SESSION_KEYRING, None)


def _failure(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
