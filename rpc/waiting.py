"""Waiting for one non-blocking socket until a deadline.

A socket's own timeout polls before every call and costs two more system calls to change; here a send is tried
at once, and a receive costs one poll.
"""

from __future__ import annotations

import select
import socket
from time import monotonic

_HAS_POLL = hasattr(select, "poll")  # Windows has only select


def left(deadline: float) -> float:
    """Seconds until `deadline` on the monotonic clock; raises TimeoutError when it has passed."""
    seconds = deadline - monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


class Waiter:
    """Waits for a socket to become readable or writable; raises TimeoutError at the deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        if _HAS_POLL:
            self._incoming, self._outgoing = select.poll(), select.poll()
            self._incoming.register(sock, select.POLLIN)
            self._outgoing.register(sock, select.POLLOUT)

    def for_bytes(self, deadline: float) -> None:
        """Return when there is something to receive, the end included."""
        if _HAS_POLL:
            ready = bool(self._incoming.poll(1000 * left(deadline)))
        else:
            ready = bool(select.select([self._sock], [], [], left(deadline))[0])
        if not ready:
            raise TimeoutError

    def for_room(self, deadline: float) -> None:
        """Return when something can be sent, or sending would fail."""
        if _HAS_POLL:
            ready = bool(self._outgoing.poll(1000 * left(deadline)))
        else:
            ready = bool(select.select([], [self._sock], [self._sock], left(deadline))[1])
        if not ready:
            raise TimeoutError
