"""TLS over a non-blocking socket, as a state machine between two memory buffers: it never waits by itself."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rpc.errors import ProtocolError, Refused, TrainerError
from rpc.messages import Buffer

_ENCRYPT_BYTES = 128 << 10  # at most so much is encrypted before it is sent: it bounds memory, and the turn of a loop


@dataclass(frozen=True, slots=True)
class Tls:
    """How one side of a connection secures it.

    Attributes:
        context: certificates and what is demanded of the peer's.
        host: whom the server's certificate must name; None on the server's own side.
    """

    context: ssl.SSLContext
    host: str | None = None


class TlsSocket:
    """Has the methods of a non-blocking socket that move bytes, and moves them encrypted.

    Nothing can be sent or received before `handshake` has returned True.

    Attributes:
        is_ready: the handshake is done.
        pending: decrypted bytes wait, of which the socket's readiness says nothing.
    """

    def __init__(self, sock: socket.socket, tls: Tls, scratch: memoryview) -> None:
        """Secure a connected socket; `scratch` is memory to receive into, in use only during a call."""
        self.is_ready = False
        self.pending = False
        self._sock = sock
        self._scratch = scratch
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._machine = tls.context.wrap_bio(
            self._incoming, self._outgoing, server_side=tls.host is None, server_hostname=tls.host
        )
        # typeshed says that `read` returns bytes; into a buffer it returns their number.
        self._read: Callable[[int, memoryview], int] = self._machine.read  # type: ignore[assignment]
        self._unsent: memoryview = memoryview(b"")  # encrypted
        self._taken = 0  # bytes of the caller that `_unsent` stands for
        self._peeked = b""
        self._is_over = False  # the peer has said goodbye

    def handshake(self) -> bool:
        """Go on with the handshake as far as possible now; returns whether it is done.

        Raises:
            Refused: the peer's certificate is not accepted, or it does not accept ours.
            ProtocolError: the peer speaks no TLS, or none in common.
            OSError: the connection is lost.
        """
        while True:
            try:
                self._machine.do_handshake()
            except ssl.SSLWantReadError:
                self._pass_on()
            except ssl.SSLError as error:
                with suppress(OSError):
                    self._pass_on()  # the alert that tells the peer why
                raise _complaint(error) from error
            else:
                self._pass_on()
                self.is_ready = self.pending = True  # more may have come along with the last words
                return True
            try:
                count = self._sock.recv_into(self._scratch)
            except BlockingIOError:
                return False
            if not count:
                raise ConnectionResetError("closed during the TLS handshake; perhaps it serves without TLS")
            self._incoming.write(self._scratch[:count])

    def recv_into(self, room: memoryview) -> int:
        """Receive into `room`, which may be the scratch memory; 0 is the end.

        Raises:
            BlockingIOError: nothing that can be decrypted is here.
            OSError: the connection is lost, ended by the peer with a reason, or the bytes are not the peer's.
        """
        have = self._decrypt(room) if self.pending else 0
        if have or self._is_over:
            return have
        count = self._sock.recv_into(self._scratch)
        if not count:
            return 0
        self._incoming.write(self._scratch[:count])
        have = self._decrypt(room)
        if not have and not self._is_over:
            raise BlockingIOError
        return have

    def peek(self) -> bool:
        """Whether something is here that `recv_into` would give, or False for the end.

        Raises:
            BlockingIOError, OSError: as `recv_into` does.
        """
        if not self._peeked:
            first = bytearray(1)
            self._peeked = bytes(first[: self.recv_into(memoryview(first))])
            self.pending = bool(self._peeked)
        return self.pending

    def send(self, data: Buffer) -> int:
        """Encrypt the beginning of `data` and send it; returns how many bytes of it that was.

        Raises:
            BlockingIOError: not all that was encrypted is sent. The next call must begin with the same data.
        """
        return self.sendmsg([data])

    def sendmsg(self, pieces: Sequence[Buffer]) -> int:
        """`send` for several pieces in a row."""
        if not self.is_ready:
            raise BlockingIOError
        if not self._unsent:
            self._encrypt(pieces)
        while self._unsent:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        taken, self._taken = self._taken, 0
        return taken

    def say_goodbye(self) -> None:
        """Tell the peer that nothing more comes, as far as that is possible at once."""
        if self._unsent:
            return
        with suppress(OSError):  # among them: the peer's own goodbye is not here yet, and nobody waits for it
            self._machine.unwrap()
        with suppress(OSError):
            self._pass_on()

    def forget(self) -> None:
        """Give back the memory of the connection, some 50 KB, which is over: whoever still refers to it may be slow."""
        del self._machine, self._read, self._incoming, self._outgoing

    def _decrypt(self, room: memoryview) -> int:
        have = len(self._peeked)
        room[:have], self._peeked = self._peeked, b""
        try:
            while have < len(room):
                count = self._read(len(room) - have, room[have:])
                if not count:
                    self._is_over = True
                    break
                have += count
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raise ConnectionAbortedError(f"TLS failed: {_reason(error)}") from error
        self.pending = have == len(room)
        return have

    def _encrypt(self, pieces: Sequence[Buffer]) -> None:
        for piece in pieces:
            data = memoryview(piece)[: _ENCRYPT_BYTES - self._taken]
            while data:
                count = self._machine.write(data)  # one record of at most 16 KiB
                self._taken += count
                data = data[count:]
        self._unsent = memoryview(self._outgoing.read())

    def _pass_on(self) -> None:
        """Send a part of the handshake: far less than any socket's buffer, which is still empty."""
        data = self._outgoing.read()
        if data and self._sock.send(data) < len(data):
            raise ConnectionAbortedError("no room for the TLS handshake")


def _complaint(error: ssl.SSLError) -> TrainerError:
    reason = _reason(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refused(f"its certificate is not accepted: {error.verify_message}")
    if "alert" in reason:
        return Refused(f"it ends TLS: {reason}")
    return ProtocolError(f"TLS failed: {reason}")


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")
