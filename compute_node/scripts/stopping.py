"""A sign that a job is not wanted any more, for whatever is done for it before its program starts."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

from rpc.errors import Cancelled


class StopSign:
    """Given once, for good; any thread may give it, ask for it and wait for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._given: Future[None] = Future()

    @property
    def is_given(self) -> bool:
        return self._given.done()

    def give(self) -> None:
        with self._lock:
            if not self._given.done():
                self._given.set_result(None)

    def check(self) -> None:
        """Raise Cancelled if it was given."""
        if self.is_given:
            raise Cancelled("it was cancelled before its program started")

    def wait_beside(self, other: Future[Any]) -> None:
        """Return when the other one is done; raise Cancelled when the sign comes first."""
        wait((other, self._given), return_when=FIRST_COMPLETED)
        if not other.done():
            self.check()

    @contextmanager
    def seen(self) -> Iterator[socket.socket]:
        """Something for `select` that is ready to read once the sign is given."""
        reader, writer = socket.socketpair()

        def tell(_: Future[None]) -> None:
            with suppress(OSError):  # nobody looks any more
                writer.send(b"!")

        with reader, writer:
            self._given.add_done_callback(tell)
            yield reader
