"""A loop and a server on a thread, for tests that call from another."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any, TypeVar

from rpc.loop import Loop
from rpc.server import Limits, Server
from rpc.services import Service

T = TypeVar("T")
PATIENCE_S = 20.0


class RunningLoop:
    """A loop that runs on its own thread."""

    def __init__(self) -> None:
        self.loop = Loop()
        self._thread = Thread(target=self.loop.run, name="loop under test")
        self._thread.start()

    def do(self, call: Callable[[], T]) -> T:
        """Make a call on the loop's thread; returns or raises what it does."""
        answers: Queue[tuple[T | None, Exception | None]] = Queue()

        def run() -> None:
            try:
                answers.put((call(), None))
            except Exception as error:
                answers.put((None, error))

        self.loop.post(run)
        value, error = answers.get(timeout=PATIENCE_S)
        if error is not None:
            raise error
        return value  # type: ignore[return-value]  # it is None only where T is

    def close(self) -> None:
        """Stop, and wait until the thread has ended."""
        self.loop.stop()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the loop did not stop"


class RunningServer:
    """A server on 127.0.0.1 and a free port."""

    def __init__(
        self,
        running: RunningLoop,
        service: Service,
        handler: Any,
        limits: Limits | None = None,
        local_folder: Path | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.running = running
        self.handler = handler
        self.server = running.do(
            lambda: Server(
                running.loop,
                service,
                handler,
                host="127.0.0.1",
                port=0,
                limits=limits,
                local_folder=local_folder,
                tls=tls,
            )
        )
        self.address = self.server.address

    def close(self) -> None:
        """Stop serving."""
        self.running.do(self.server.close)
