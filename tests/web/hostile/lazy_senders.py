"""Two hundred that send the head of a request a byte a second or not at all, and two hundred that send a body so."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.system.cluster import wait_until
from tests.web.hostile.raw import CHUNKED, JSON, request

EACH = 50
_BYTE_EVERY_S = 1.0
_LOOKS = 5  # in each such time: what is answered must be heard before more is sent
_FORM = b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n"
_BLOB = b"/api/v1/blobs/sha256:" + b"0" * 64
# What is sent at once; of the rest a byte a second.
HEADS = {
    "silent": b"",
    "half a head": b"GET /health HTTP/1.1\r\nHost: local",
    "headers without end": b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: ",
    "a method without end": b"G",
}
BODIES = {
    "a body": request("POST", b"/jobs", JSON + b"Content-Length: 1000\r\n", b'{"', ends=False),
    "chunks": request("POST", b"/jobs", JSON + CHUNKED, b"1000\r\n{", ends=False),
    "a form": request("POST", b"/api/jobs", _FORM, b"--b\r\n", ends=False),
    "a file": request("POST", b"/api/v1/blobs/new?file=a", b"Content-Length: 1000\r\n", b"a", ends=False),
}


class LazySenders:
    """All of them, from the beginning of the block on."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._peers: list[tuple[str, socket.socket]] = []
        self._heard: dict[str, set[bytes]] = {name: set() for name in (*HEADS, *BODIES)}
        self._turn = 0
        self._over = threading.Event()
        self._dripper = threading.Thread(target=self._drip)
        self.ended_s = 0.0  # when the last one was gone

    def __enter__(self) -> Self:
        for name, begun in {**HEADS, **BODIES}.items():
            for _ in range(EACH):
                peer = socket.create_connection(("127.0.0.1", self._port), 10.0)
                peer.sendall(begun)
                peer.setblocking(False)
                self._peers.append((name, peer))
        self._began = time.monotonic()
        self._dripper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._dripper.join()
        for _, peer in self._peers:
            peer.close()

    def wait_until_gone(self, within_s: float) -> dict[str, set[bytes]]:
        """What each kind was answered at the end: the first line, or nothing."""
        left = max(within_s - (time.monotonic() - self._began), 0.1)
        wait_until(lambda: not self._peers, f"{len(self._peers)} lazy senders to be gone", left)
        return self._heard

    def _drip(self) -> None:
        while not self._over.wait(_BYTE_EVERY_S / _LOOKS):
            self._turn += 1
            self._peers = [each for each in self._peers if not self._is_over(*each)]
            if not self._peers:
                self.ended_s = time.monotonic() - self._began
                return

    def _is_over(self, name: str, peer: socket.socket) -> bool:
        """Whether this connection is at its end; if not, a byte is sent each second."""
        try:
            while piece := peer.recv(1 << 16):
                if piece.startswith(b"HTTP/"):  # what follows may come by itself
                    self._heard[name].add(piece.partition(b"\r\n")[0])
        except BlockingIOError:
            with suppress(OSError):  # it is over now
                if name != "silent" and self._turn % _LOOKS == 0:
                    peer.send(b"a")
            return False
        except ConnectionError:
            pass
        peer.close()
        return True
