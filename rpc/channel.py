"""The calling side on the loop: one connection, made and greeted without blocking, one call at a time."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Callable
from random import getrandbits
from typing import Any

from rpc.codec import decode_reply, encode_call
from rpc.errors import ProtocolError, TaskRejected, TimedOut, TrainerError, Unreachable
from rpc.greeting import check_hello_reply, frame_limit
from rpc.loop import WRITE, Loop, Timer
from rpc.messages import Hello, HelloReply
from rpc.resolve import Address, resolve
from rpc.services import Method, Service
from rpc.tls import Tls
from rpc.transport import Connection

OnReply = Callable[[Any], None]
_IN_PROGRESS = (
    errno.EINPROGRESS,
    errno.EWOULDBLOCK,
    errno.EALREADY,
    getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS),
)


class Channel:
    """Connects, says hello, calls `on_up(reply)`; ends with exactly one `on_down(error)`, whatever happens.

    Any error but an answer of the other side closes the channel: the call under way gets the error first,
    then `on_down`. A channel does not come back; make another.

    Attributes:
        address: "host:port".
        busy: whether a call is under way (or the channel is not up).
        connection: with its byte counters; None until connected.
    """

    def __init__(
        self,
        loop: Loop,
        address: tuple[str, int],
        service: Service,
        *,
        hello: Hello,
        on_up: Callable[[HelloReply], None],
        on_down: Callable[[TrainerError], None],
        connect_timeout_s: float = 2.0,
        local_socket: str = "",
        tls: ssl.SSLContext | None = None,
        accepted: Connection | None = None,
    ) -> None:
        """Begin to connect: to the Unix socket of that path if one is given, else to the address, inside `tls`.

        `accepted` is a connection that the other side has opened: it is taken over, and nothing is dialled.
        """
        self.address = f"{address[0]}:{address[1]}"
        self.connection = accepted
        self._loop = loop
        self._service = service
        self._hello = hello
        self._tls = Tls(tls, address[0]) if tls and not local_socket else None
        self._on_up = on_up
        self._on_down = on_down
        self._is_up = False
        self._is_down = False
        self._dialling: socket.socket | None = None
        self._seqid = getrandbits(30)
        self._pending: tuple[Method, OnReply] | None = None
        self._call_timer: Timer | None = None
        self._deadline = 0.0
        self._connect_deadline = loop.call_later(
            connect_timeout_s,
            lambda: self._down(TimedOut(f"{self.address} did not answer within {connect_timeout_s:g} s")),
        )
        if accepted is not None:
            accepted.hand_over(self._on_frame, self._down)
            loop.post(lambda: self._connected(accepted))
        elif local_socket:
            loop.post(lambda: self._resolved([(socket.AF_UNIX, local_socket)]))
        else:
            resolve(loop, *address, self._resolved)

    @property
    def busy(self) -> bool:
        return self._pending is not None or not self._is_up

    def call(self, name: str, *args: Any, timeout_s: float, on_reply: OnReply) -> None:
        """Call a method; `on_reply` gets the result, or the TrainerError or TaskRejected that it raised.

        A binary above BULK_BYTES in the result is a memoryview that is valid until `on_reply` returns.

        Raises:
            RuntimeError: a call is under way, or the channel is not up.
            BadRequest: an argument does not fit its type.
        """
        if self.busy:
            raise RuntimeError(f"{self.address}: {name} was called while the channel is busy or not up")
        self._call(self._service.methods[name], args, timeout_s, on_reply)

    def close(self, reason: TrainerError | None = None) -> None:
        """End the channel; the call under way and `on_down` get the reason. Harmless when down."""
        self._down(reason or Unreachable(f"the connection to {self.address} was closed"))

    def release(self) -> Connection:
        """Give up the connection to whoever takes it over; nobody is told that the channel is down."""
        assert self.connection is not None and self._pending is None
        self._is_down, self._is_up = True, False
        if self._call_timer is not None:
            self._call_timer.cancel()
        return self.connection

    def _call(self, method: Method, args: tuple[Any, ...], timeout_s: float, on_reply: OnReply) -> None:
        assert self.connection is not None
        self._seqid = (self._seqid + 1) & 0x7FFFFFFF
        request = encode_call(method, self._seqid, args)
        self._pending = (method, on_reply)
        self._set_deadline(timeout_s)
        self.connection.send(request)

    def _set_deadline(self, timeout_s: float) -> None:
        # One timer for many calls: it looks when it fires whether its call is still the one, so most calls
        # set none.
        self._deadline = self._loop.now + timeout_s
        if self._call_timer is None or self._call_timer.when > self._deadline:
            if self._call_timer is not None:
                self._call_timer.cancel()
            self._call_timer = self._loop.call_later(timeout_s, self._look_at_deadline)

    def _look_at_deadline(self) -> None:
        self._call_timer = None
        if self._pending is None:
            return
        left = self._deadline - self._loop.now
        if left > 0:
            self._call_timer = self._loop.call_later(left, self._look_at_deadline)
        else:
            self._down(TimedOut(f"{self.address} did not answer {self._pending[0].name} in time"))

    def _resolved(self, found: list[Address] | OSError) -> None:
        if self._is_down:
            return
        if isinstance(found, OSError):
            self._down(Unreachable(f"{self.address}: {found.strerror or found}"))
        else:
            self._dial(found)

    def _dial(self, addresses: list[Address]) -> None:
        """Try the addresses in turn until one answers."""
        (family, address), rest = addresses[0], addresses[1:]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        code = sock.connect_ex(address)
        # A Unix socket is connected at once, or its queue is full.
        if code and (code not in _IN_PROGRESS or isinstance(address, str)):
            sock.close()
            self._dial_failed(code, rest)
            return
        self._dialling = sock
        self._loop.register(sock, WRITE, lambda _events: self._dialled(rest))

    def _dialled(self, rest: list[Address]) -> None:
        sock, self._dialling = self._dialling, None
        if sock is None:
            return
        self._loop.unregister(sock)
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            sock.close()
            self._dial_failed(code, rest)
            return
        connection = Connection(
            self._loop, sock, on_frame=self._on_frame, on_closed=self._down, max_frame_bytes=frame_limit(None),
            tls=self._tls,
        )  # fmt: skip
        self._connected(connection)

    def _connected(self, connection: Connection) -> None:
        self.connection = connection
        if self._is_down:
            return
        if connection.closed:
            self._down(Unreachable(f"{self.address} has closed the connection"))
            return
        left = max(0.0, self._connect_deadline.when - self._loop.now)
        self._call(self._service.methods["hello"], (self._hello,), left, self._greeted)

    def _dial_failed(self, code: int, rest: list[Address]) -> None:
        if rest:
            self._dial(rest)
        else:
            self._down(Unreachable(f"{self.address} is not reachable: {os.strerror(code)}"))

    def _greeted(self, reply: Any) -> None:
        self._connect_deadline.cancel()
        if self._is_down:
            return
        try:
            if isinstance(reply, Exception):
                raise reply
            check_hello_reply(reply, self.address)
        except TrainerError as error:
            self._down(error)
            return
        assert self.connection is not None
        self.connection.max_frame_bytes = frame_limit(self._hello)
        self._is_up = True
        self._on_up(reply)

    def _on_frame(self, frame: memoryview) -> None:
        """Hand the reply on; raises ProtocolError, which closes the connection, if it is none to the call."""
        if self._pending is None:
            raise ProtocolError("a message came that nobody asked for")
        method, on_reply = self._pending
        try:
            reply = decode_reply(method, self._seqid, frame)
        except ProtocolError:
            raise
        except (TrainerError, TaskRejected) as error:
            reply = error
        self._pending = None
        on_reply(reply)

    def _down(self, reason: TrainerError) -> None:
        if self._is_down:
            return
        self._is_down, self._is_up = True, False
        for timer in (self._connect_deadline, self._call_timer):
            if timer is not None:
                timer.cancel()
        if self._dialling is not None:
            self._loop.unregister(self._dialling)
            self._dialling.close()
            self._dialling = None
        if self.connection is not None:
            self.connection.close(reason)
        pending, self._pending = self._pending, None
        try:
            if pending is not None:
                pending[1](reason)
        finally:
            self._on_down(reason)
