"""Thrift's framed transport without I/O: a 4-byte big-endian length, then that many bytes, both ways."""

from __future__ import annotations

import socket
from collections import deque
from itertools import islice
from struct import Struct
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rpc.convert import BULK_BYTES
from rpc.errors import ProtocolError
from rpc.messages import Buffer

if TYPE_CHECKING:
    from rpc.tls import TlsSocket

Stream: TypeAlias = "socket.socket | TlsSocket"  # what frames go through

SCRATCH_BYTES = 256 << 10
KEEP_BYTES = 1 << 20  # a larger assembly buffer is given back when the connection is idle for long

_LENGTH = Struct("!I")
_HEADER_BYTES = 4
_MIN_FRAME_BYTES = 13  # version, empty name, sequence number, one field
_HAS_SENDMSG = hasattr(socket.socket, "sendmsg")  # Windows has not
_MAX_PIECES = 64  # of one sendmsg; Linux allows 1024, POSIX asks for 16
_STRANGERS = (
    (b"GET ", "HTTP"),
    (b"POST", "HTTP"),
    (b"HEAD", "HTTP"),
    (b"PUT ", "HTTP"),
    (b"OPTI", "HTTP"),
    (b"SSH-", "SSH"),
)
_HTTP_ANSWERS = (b"HTTP", b"<!DO", b"<htm")


def new_buffer(size: int) -> memoryview:
    """Writable memory of `size` bytes; numpy asks for huge pages, a bytearray is filled 5 times slower."""
    return np.empty(size, np.uint8).data


class FrameReader:
    """Cuts received bytes into frames.

    The caller receives into `room()`, says how much with `take`, and asks for `frame()` until it is None.
    All readers of a loop share one scratch buffer; a frame that is whole in it and small is handed out
    straight from there. Anything else moves to the reader's own buffer, which then receives directly, grows
    only to what the frame needs and is used again.

    Attributes:
        max_frame_bytes: the limit, without the length word.
        waiting: bytes received and not handed out.
        is_large: the own buffer is above KEEP_BYTES.
    """

    def __init__(self, max_frame_bytes: int, scratch: memoryview) -> None:
        self.max_frame_bytes = max_frame_bytes
        self.waiting = 0
        self.is_large = False
        self._scratch = scratch
        self._own: memoryview | None = None
        self._start = 0  # of the bytes that wait, in whichever buffer is in use

    def room(self) -> memoryview:
        """Where to receive next; never empty."""
        if self._own is None:
            return self._scratch
        end = self._start + self.waiting
        return self._own[end:] if end else self._own

    def take(self, count: int) -> None:
        """`count` bytes were received into `room()`."""
        self.waiting += count

    def frame(self) -> memoryview | None:
        """The next whole frame, without its length, or None.

        A frame of up to BULK_BYTES may lie in the scratch buffer: it is valid until the caller receives
        again, for any connection. A larger one lies in this reader's own buffer, valid until this reader's
        `room` is received into.

        Raises:
            ProtocolError: the length is above the limit, or these are not Thrift's bytes at all.
        """
        waiting, start = self.waiting, self._start
        if waiting < _HEADER_BYTES:
            if waiting:
                self._keep(_HEADER_BYTES)
            return None
        buffer = self._scratch if self._own is None else self._own
        size: int = _LENGTH.unpack_from(buffer, start)[0]
        self._check(buffer, size)
        whole = _HEADER_BYTES + size
        if waiting < whole or (size > BULK_BYTES and self._own is None):
            buffer, start = self._keep(whole), self._start
            if waiting < whole:
                return None
        self.waiting = waiting - whole
        self._start = start + whole if self.waiting else 0
        if self.waiting and self._own is None:
            self._keep(_HEADER_BYTES)
        return buffer[start + _HEADER_BYTES : start + whole]

    def release(self) -> None:
        """Give back an own buffer above KEEP_BYTES, if nothing waits in it."""
        if self.is_large and not self.waiting:
            self._own = None
            self.is_large = False

    def clear(self) -> None:
        """Forget what waits and give back the own buffer; a view of the last frame stays valid."""
        self.waiting = self._start = 0
        self._own = None
        self.is_large = False

    def _keep(self, size: int) -> memoryview:
        """Have what waits in an own buffer with room for `size` bytes from `_start` on; returns it."""
        if self._own is not None and len(self._own) - self._start >= size:
            return self._own
        source = self._scratch if self._own is None else self._own
        # A frame that was handed out may still be in use, so nothing moves over it: a new buffer is made.
        own = new_buffer(max(size, _HEADER_BYTES + BULK_BYTES, self.waiting + 1))
        own[: self.waiting] = source[self._start : self._start + self.waiting]
        self._own, self._start = own, 0
        self.is_large = len(own) > KEEP_BYTES
        return own

    def _check(self, buffer: memoryview, size: int) -> None:
        start = self._start
        is_thrift = self.waiting < 6 or (buffer[start + 4] == 0x80 and buffer[start + 5] == 0x01)
        if is_thrift and _MIN_FRAME_BYTES <= size <= self.max_frame_bytes:
            return
        raise ProtocolError(self._complaint(bytes(buffer[start : start + 4]), size, is_thrift))

    def _complaint(self, first: bytes, size: int, is_thrift: bool) -> str:
        for word, name in _STRANGERS:
            if first == word:
                return f"{name} came to a Thrift port"
        if first in _HTTP_ANSWERS:
            return "HTTP answered; this is no Roundhouse port"
        if first[:2] == b"\x16\x03":
            return "TLS came to a plain Thrift port"
        if first[:2] == b"\x80\x01":
            return "unframed Thrift came; use the framed transport"
        if size > self.max_frame_bytes:
            return f"a frame of {size} bytes is above the limit of {self.max_frame_bytes}"
        return (
            "a frame is too short for a message" if is_thrift else "a frame does not begin like a strict binary message"
        )


class SendQueue:
    """Pieces on their way out, sent by reference as far as the socket takes them."""

    def __init__(self) -> None:
        self._pieces: deque[memoryview] = deque()

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def send(self, sock: Stream, pieces: list[Buffer]) -> int:
        """Send pieces after what waits, once; queue the rest. Returns the bytes sent.

        The pieces must not change until they are sent.
        """
        sent = 0
        if len(pieces) == 1 and not self._pieces:  # nearly every call: one system call and nothing else
            try:
                sent = sock.send(pieces[0])
            except BlockingIOError:
                sent = 0
            if sent == len(pieces[0]):
                return sent
        self._pieces.extend(memoryview(piece).cast("B") for piece in pieces if len(piece))
        self._drop(sent)
        return sent

    def flush(self, sock: Stream) -> int:
        """Send once what the socket takes of what waits; returns the bytes sent.

        Raises:
            BlockingIOError: the socket takes nothing now.
        """
        if _HAS_SENDMSG and len(self._pieces) > 1:
            sent = sock.sendmsg(list(islice(self._pieces, _MAX_PIECES)))
        else:
            sent = sock.send(self._pieces[0])
        self._drop(sent)
        return sent

    def clear(self) -> None:
        """Forget what waits."""
        self._pieces.clear()

    def _drop(self, count: int) -> None:
        while count:
            first = self._pieces[0]
            if count < len(first):
                self._pieces[0] = first[count:]
                return
            count -= len(first)
            self._pieces.popleft()
