"""File descriptors, one for each connection: how many there may be, and what to do when none is left."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import suppress

try:
    import resource
except ImportError:  # Windows has no such limit
    _HAS_LIMIT = False
else:
    _HAS_LIMIT = True

logger = logging.getLogger(__name__)

_UNLIMITED = 1 << 20


def raise_nofile() -> int:
    """Raise the soft limit of open files to the hard one; returns the files that may be open."""
    if not _HAS_LIMIT:
        return _UNLIMITED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError) as error:  # macOS refuses an unlimited one
            logger.warning("the limit of open files stays at %d: %s", soft, error)
    return _UNLIMITED if soft == resource.RLIM_INFINITY else soft


class SpareDescriptor:
    """One descriptor kept back, so that a connection can still be taken and closed when there is no other."""

    def __init__(self) -> None:
        self._fd = os.open(os.devnull, os.O_RDONLY)

    def turn_away(self, listener: socket.socket) -> bool:
        """Accept one connection and close it at once; False if even that cannot be done now."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        try:
            listener.accept()[0].close()
            return True
        except OSError:
            return False
        finally:
            self._take_back()

    def close(self) -> None:
        """Give it up."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _take_back(self) -> None:
        with suppress(OSError):  # tried again at the next connection
            self._fd = os.open(os.devnull, os.O_RDONLY)
