"""A small event loop: sockets by readiness, timers, and calls posted from other threads."""

from __future__ import annotations

import heapq
import logging
import selectors
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from threading import get_ident
from time import monotonic

from rpc.framing import SCRATCH_BYTES, new_buffer

logger = logging.getLogger(__name__)

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE
_PURGE_AT = 64  # cancelled timers in the heap before it is rebuilt


class Timer:
    """A call in the future, which can be cancelled until it is made."""

    __slots__ = ("_callback", "_loop", "when")

    def __init__(self, loop: Loop, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self._loop = loop
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget the call; harmless when it was made or cancelled before."""
        if self._callback is not None:
            self._callback = None
            self._loop._count_cancelled()

    def take(self) -> Callable[[], None] | None:
        """The call to make, once; None after `cancel`."""
        callback, self._callback = self._callback, None
        return callback


class Loop:
    """Runs callbacks on one thread; all but `post` and `stop` is for that thread (or for before `run`).

    Attributes:
        now: monotonic time of this turn, in seconds.
        scratch: memory that a callback may receive into; the next callback will.
    """

    def __init__(self) -> None:
        self.now = monotonic()
        self.scratch = new_buffer(SCRATCH_BYTES)
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._cancelled = 0
        self._posted: deque[Callable[[], None]] = deque()
        self._thread = 0
        self._stopping = False
        self._awake = False
        self._waker, wakee = socket.socketpair()
        self._waker.setblocking(False)
        wakee.setblocking(False)
        self._wakee = wakee
        self.register(wakee, READ, self._drain)

    def register(self, sock: socket.socket, events: int, callback: Callable[[int], None]) -> None:
        """Call `callback(ready events)` whenever the socket is ready for one of `events`."""
        self._selector.register(sock, events, callback)

    def modify(self, sock: socket.socket, events: int, callback: Callable[[int], None]) -> None:
        """Change what a registered socket is watched for."""
        self._selector.modify(sock, events, callback)

    def unregister(self, sock: socket.socket) -> None:
        """Stop watching; an event of this turn may still be delivered. Harmless once the loop has ended."""
        if self._selector.get_map() is not None:
            self._selector.unregister(sock)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, `delay_s` seconds from now."""
        timer = Timer(self, monotonic() + delay_s, callback)
        heapq.heappush(self._timers, (timer.when, next(self._order), timer))
        return timer

    def post(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the loop's thread soon; from any thread, in the order of posting."""
        self._posted.append(callback)
        if not self._awake and get_ident() != self._thread:
            self._wake()

    def interrupt(self, callback: Callable[[], None]) -> None:
        """As `post`, from a signal handler: it may have interrupted the loop while that waits."""
        self._posted.append(callback)
        self._wake()

    def stop(self) -> None:
        """Let `run` return after this turn; from any thread."""
        self._stopping = True
        self._wake()

    def run(self) -> None:
        """Serve until `stop`, then release what the loop holds. A loop runs once."""
        self._thread = get_ident()
        try:
            while not self._stopping:
                self._turn()
        finally:
            self._thread = 0
            self._selector.close()
            self._wakee.close()
            self._waker.close()

    def _turn(self) -> None:
        ready = self._selector.select(self._timeout_s())
        self.now = monotonic()
        for key, events in ready:
            try:
                key.data(events)
            except Exception:
                logger.exception("a callback of the loop failed")
        if self._timers:
            self._run_timers()
        if self._posted:
            self._run_posted()

    def _timeout_s(self) -> float | None:
        if self._posted:
            return 0.0
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - monotonic())

    def _run_timers(self) -> None:
        while self._timers and self._timers[0][0] <= self.now:
            callback = heapq.heappop(self._timers)[2].take()
            if callback is None:
                self._cancelled -= 1
            else:
                _call(callback)

    def _run_posted(self) -> None:
        # Only what is here now: a callback that posts again must not starve the sockets.
        for _ in range(len(self._posted)):
            _call(self._posted.popleft())

    def _count_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > _PURGE_AT and 2 * self._cancelled > len(self._timers):
            self._timers = [entry for entry in self._timers if entry[2]._callback is not None]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def _wake(self) -> None:
        self._awake = True
        with suppress(OSError):  # full: the loop is being woken already; closed: it has ended
            self._waker.send(b"\0")

    def _drain(self, _events: int) -> None:
        self._wakee.recv(4096)
        self._awake = False  # before the queue is read: whoever posts from now on wakes the loop again


def _call(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        logger.exception("a callback of the loop failed")
