"""The blocking calling side: one connection, one call at a time, closed for good at the first error."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from random import getrandbits
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Any, Self

from rpc.codec import decode_reply, encode_call
from rpc.errors import ProtocolError, TaskRejected, TimedOut, TrainerError, Unreachable
from rpc.framing import FrameReader, SendQueue, Stream, new_buffer
from rpc.greeting import check_hello_reply
from rpc.messages import MAX_FRAME_BYTES, Buffer, Hello, HelloReply
from rpc.services import Method, Service
from rpc.sockets import tune
from rpc.tls import Tls, TlsSocket
from rpc.waiting import Waiter, left

_SCRATCH_BYTES = 64 << 10


class Client:
    """Calls one server. May be shared by threads, whose calls then wait for each other.

    The first call connects. After an error that is not an answer of the server the client is closed;
    `connect` opens it again, and hello must be said again. A binary above BULK_BYTES in a result is a
    memoryview that is valid until the next call.
    """

    def __init__(
        self,
        host: str,
        port: int,
        service: Service,
        *,
        timeout_s: float = 30.0,
        what: str = "coordinator",
        tls: ssl.SSLContext | None = None,
        local_socket: str = "",
    ) -> None:
        """`local_socket` is the path of a Unix socket that serves the same, and is taken in place of the address."""
        self.address = f"{host}:{port}"
        self._endpoint = (host, port)
        self._service = service
        self._timeout_s = timeout_s
        self._what = what
        self._local_socket = local_socket
        self._tls = Tls(tls, host) if tls and not local_socket else None
        self._lock = Lock()
        self._sock: socket.socket | None = None
        self._secured: TlsSocket | None = None
        self._waiter: Waiter | None = None
        self._scratch = new_buffer(_SCRATCH_BYTES)
        self._reader, self._queue = FrameReader(MAX_FRAME_BYTES, self._scratch), SendQueue()
        self._seqid = getrandbits(30)
        self._failed: TrainerError | None = None

    def connect(self) -> Self:
        """Open a new connection, closing an old one.

        Raises:
            Unreachable: nobody listens there, or no such host.
            TimedOut: no answer in time.
        """
        with self._lock:
            self._connect(monotonic() + self._timeout_s)
        return self

    def hello(self, hello: Hello) -> HelloReply:
        """Say hello; raises Refused if either side does not want the other."""
        reply: HelloReply = self.call("hello", hello)
        try:
            check_hello_reply(reply, self.address)
        except TrainerError:
            self.close()
            raise
        return reply

    def call(self, name: str, *args: Any, timeout_s: float | None = None) -> Any:
        """Call a method; returns its result.

        Args:
            timeout_s: seconds until the whole answer is here, instead of the client's own.

        Raises:
            TaskRejected, TrainerError: what the server answered.
            Unreachable, TimedOut, ProtocolError: the call failed and the client is closed.
        """
        method = self._service.methods[name]
        seconds = self._timeout_s if timeout_s is None else timeout_s
        with self._lock:
            try:
                return self._call(method, args, monotonic() + seconds)
            finally:
                if self._failed is not None:  # closed meanwhile
                    self._drop()

    def close(self) -> None:
        """Close the connection, from any thread; a call under way fails, and all others until `connect`."""
        self._failed = self._failed or Unreachable(f"the connection to {self._what} {self.address} was closed")
        if self._lock.acquire(blocking=False):
            if self._secured is not None:
                self._secured.say_goodbye()
            self._drop()
            self._lock.release()
        elif (sock := self._sock) is not None:
            # The call under way sees the end and closes; closed here, another file could have its number by then.
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self if self._sock is not None else self.connect()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Method, args: tuple[Any, ...], deadline: float) -> Any:
        self._seqid = (self._seqid + 1) & 0x7FFFFFFF
        request = encode_call(method, self._seqid, args)
        if self._failed is not None:
            raise Unreachable(f"{self._failed}; connect again first") from self._failed
        if self._sock is None:
            self._connect(deadline)
        try:
            return decode_reply(method, self._seqid, self._exchange(request, deadline))
        except TimeoutError as error:
            raise self._fail(TimedOut(f"{self._what} {self.address} did not answer {method.name} in time")) from error
        except OSError as error:
            raise self._fail(
                Unreachable(f"lost {self._what} {self.address} during {method.name}: {_words(error)}")
            ) from error
        except ProtocolError as error:
            raise self._fail(ProtocolError(f"{self._what} {self.address}: {error}")) from error
        except (TrainerError, TaskRejected):
            raise  # an answer: the connection is in order
        except BaseException:  # Ctrl-C too: the answer may still come, and must not reach the next call
            self._fail(Unreachable(f"{method.name} of {self._what} {self.address} was interrupted"))
            raise

    def _exchange(self, request: list[Buffer], deadline: float) -> memoryview:
        sock, waiter, reader, secured = self._sock, self._waiter, self._reader, self._secured
        assert sock is not None and waiter is not None
        stream = secured or sock
        self._send(stream, waiter, request, deadline)
        frame = None
        while frame is None:
            if secured is None or not secured.pending:
                waiter.for_bytes(deadline)
            try:
                count = stream.recv_into(reader.room())
            except BlockingIOError:
                continue
            if not count:
                raise ConnectionResetError("closed by the other side")
            reader.take(count)
            frame = reader.frame()
        if reader.waiting:
            raise ProtocolError("more than one reply came")
        return frame

    def _send(self, stream: Stream, waiter: Waiter, request: list[Buffer], deadline: float) -> None:
        self._queue.send(stream, request)
        while self._queue:
            try:
                self._queue.flush(stream)
            except BlockingIOError:
                waiter.for_room(deadline)

    def _connect(self, deadline: float) -> None:
        self._drop()
        try:
            sock = self._dialled(left(deadline))
        except TimeoutError as error:
            raise self._fail(TimedOut(f"{self._what} {self.address} did not answer in time")) from error
        except OSError as error:
            raise self._fail(Unreachable(f"{self._what} {self.address} is not reachable: {_words(error)}")) from error
        tune(sock)
        self._reader, self._queue = FrameReader(MAX_FRAME_BYTES, self._scratch), SendQueue()
        self._waiter = Waiter(sock)
        self._sock = sock
        if self._tls is not None:
            self._secured = TlsSocket(sock, self._tls, self._scratch)
            self._shake_hands(self._secured, self._waiter, deadline)
        self._failed = None

    def _dialled(self, timeout_s: float) -> socket.socket:
        if not self._local_socket:
            return socket.create_connection(self._endpoint, timeout_s)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout_s)
            sock.connect(self._local_socket)
        except OSError:
            sock.close()
            raise
        return sock

    def _shake_hands(self, secured: TlsSocket, waiter: Waiter, deadline: float) -> None:
        try:
            while not secured.handshake():
                waiter.for_bytes(deadline)
        except TimeoutError as error:
            raise self._fail(TimedOut(f"{self._what} {self.address} did not finish the TLS handshake")) from error
        except OSError as error:
            raise self._fail(Unreachable(f"lost {self._what} {self.address}: {_words(error)}")) from error
        except TrainerError as error:
            raise self._fail(type(error)(f"{self._what} {self.address}: {error}")) from error

    def _fail(self, reason: TrainerError) -> TrainerError:
        self._drop()
        self._failed = reason
        return reason

    def _drop(self) -> None:
        sock, self._sock, self._secured = self._sock, None, None
        if sock is not None:
            sock.close()


def _words(error: OSError) -> str:
    return error.strerror or str(error)
