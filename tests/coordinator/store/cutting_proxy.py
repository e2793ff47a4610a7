"""A proxy before PostgreSQL that forwards a COMMIT and then loses its answer."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path


class CuttingProxy:
    """Serves one connection after the other. Use it as a context manager; the database is at `port` of the loopback."""

    def __init__(self, server: Path) -> None:
        """Pass on to the Unix socket `server`."""
        self._server = server
        self._cut_next_commit = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def lose_the_next_answer(self) -> None:
        """Close the connection instead of passing on the answer to the next COMMIT."""
        self._cut_next_commit.set()

    def __enter__(self) -> CuttingProxy:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # close() alone leaves accept() blocked
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            with caller, socket.socket(socket.AF_UNIX) as server:
                server.connect(str(self._server))
                self._pass_on(caller, server)

    def _pass_on(self, caller: socket.socket, server: socket.socket) -> None:
        answers = threading.Thread(target=self._answer, args=(server, caller))
        answers.start()
        while data := caller.recv(1 << 16):
            if b"COMMIT" in data and self._cut_next_commit.is_set():
                self._cut_next_commit.clear()
                caller.shutdown(socket.SHUT_RDWR)
                server.sendall(data)
                break
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)
        answers.join(10)

    def _answer(self, server: socket.socket, caller: socket.socket) -> None:
        while data := server.recv(1 << 16):
            with suppress(OSError):  # it was cut off
                caller.sendall(data)
