"""A TCP proxy that can go silent, or spoil what passes: a faulty network, or a node that answers garbage."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable
from enum import Enum


class Mode(Enum):
    """What the proxy does with bytes from the server; those to it always pass, but for SILENT."""

    PASS = "pass"
    SILENT = "silent"
    GARBAGE = "garbage"
    CUT = "cut"  # a connection ends when the next bytes pass


class Proxy:
    """Passes connections on to a port of the loopback. Use it as a context manager; `mode` may change at any time.

    Only replies above `spoil_above` bytes are spoiled, so that a node still looks healthy to its heartbeat.
    """

    def __init__(self, target: int, *, spoil_above: int = 1000) -> None:
        self.mode = Mode.PASS
        self._target = target
        self._spoil_above = spoil_above
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._ended, self._end = socket.socketpair()
        self._selector.register(self._ended, selectors.EVENT_READ, self._stop)
        self._running = True
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._end.send(b"\0")
        self._thread.join(10)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
        self._end.close()

    def _run(self) -> None:
        while self._running:
            for key, _ in self._selector.select():
                callback: Callable[[], None] = key.data
                callback()

    def _stop(self) -> None:
        self._running = False

    def _accept(self) -> None:
        caller, _ = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            caller.close()
            return
        for source, sink, spoilt in ((caller, server, False), (server, caller, True)):
            self._selector.register(source, selectors.EVENT_READ, self._pump(source, sink, spoilt))

    def _pump(self, source: socket.socket, sink: socket.socket, spoilt: bool) -> Callable[[], None]:
        def pump() -> None:
            try:
                data = b"" if self.mode is Mode.CUT else source.recv(1 << 20)
                if data and self.mode is not Mode.SILENT:
                    spoil = spoilt and self.mode is Mode.GARBAGE and len(data) > self._spoil_above
                    sink.sendall(b"\x00\x00\x10\x00" + b"\xde\xad" * 2048 if spoil else data)
            except OSError:
                data = b""
            if not data:
                for end in (source, sink):
                    if end.fileno() >= 0:
                        self._selector.unregister(end)
                        end.close()

        return pump
