"""A disk that takes nothing now, because it is full or read-only: told apart from what passes by no waiting."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from rpc.errors import DiskFull

_MAKE_ROOM = "make room there"
# A disk, a quota, the limit of a process; a file system that met an error, and that the system made read-only.
_WAYS_OUT = {
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.EFBIG: _MAKE_ROOM,
    errno.EROFS: "make it writable",
}


def way_out(error: OSError) -> str:
    """What makes the disk take something again; "" for an error of another kind."""
    return _WAYS_OUT.get(error.errno or 0, "")


@contextmanager
def refusals_told(what: str) -> Iterator[None]:
    """Raise DiskFull where the disk takes nothing of `what`; other errors stay what they are."""
    try:
        yield
    except OSError as error:
        if remedy := way_out(error):
            raise DiskFull(f"{what}: {error.strerror}; {remedy}, then send it again") from error
        raise
