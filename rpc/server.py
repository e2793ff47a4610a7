"""The serving side: accepts connections on the loop, bounds their number, hands their calls to a handler."""

from __future__ import annotations

import errno
import logging
import socket
import ssl
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rpc.addresses import is_loopback
from rpc.bad_peers import BadPeers
from rpc.descriptors import SpareDescriptor
from rpc.errors import ProtocolError, Refused, TimedOut, TrainerError
from rpc.greeting import frame_limit
from rpc.local_socket import listen_beside
from rpc.loop import READ, Loop, Timer
from rpc.services import Service
from rpc.session import Caller, Later, Reversal, Session
from rpc.sockets import bind, has_left, start_listening
from rpc.tls import Tls
from rpc.transport import STALL_S, Connection

__all__ = ["Caller", "Later", "Limits", "Reversal", "Server"]

logger = logging.getLogger(__name__)

_ACCEPT_AT_ONCE = 64
_BACK_OFF_S = 0.1
_SAME_HOST = "127.0.0.1"  # whoever comes by a Unix socket
_NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections a server holds, and for how long a silent one.

    Attributes:
        unauthenticated: connections without an accepted hello; at the cap the oldest silent one makes room.
        unauthenticated_per_address: the same for one address that is not loopback.
        authenticated: connections with an accepted hello.
        first_call_s: seconds until the first whole and valid call.
        stall_s: seconds for one frame to be whole, and without progress in sending (see Connection).
    """

    unauthenticated: int = 512
    unauthenticated_per_address: int = 8
    authenticated: int = 8192
    first_call_s: float = 5.0
    stall_s: float = STALL_S


class Server:
    """Serves one service on one address.

    Attributes:
        address: (host, port) as bound.
        local_socket: path of the Unix socket, or nothing where there is none.
    """

    def __init__(
        self,
        loop: Loop,
        service: Service,
        handler: Any,
        *,
        host: str,
        port: int,
        limits: Limits | None = None,
        local_folder: Path | None = None,
        tls: ssl.SSLContext | None = None,
        opens: bool = True,
    ) -> None:
        """Listen; with `local_folder`, which only this user may enter, on a Unix socket in it as well.

        With `tls` the port serves inside TLS and nothing else; a Unix socket needs none. Without `opens` the port
        is only taken: who calls is refused, rather than left to wait, until `open`.
        """
        self._loop = loop
        self._service = service
        self._handler = handler
        self._limits = limits or Limits()
        self._tls = Tls(tls) if tls else None
        listener = bind(host, port)
        self.address: tuple[str, int] = listener.getsockname()[:2]
        local = listen_beside(self.address[1], local_folder) if local_folder else None
        self.local_socket: str = local.getsockname() if local else ""
        self._listeners = [listener, local] if local else [listener]
        self._spare = SpareDescriptor()
        self._bad_peers = BadPeers()
        # In order of arrival: a session leaves the silent with its first call, the strangers with its hello.
        self._silent: dict[Session, float] = {}
        self._strangers: dict[Session, str] = {}
        self._known: set[Session] = set()
        self._by_address: Counter[str] = Counter()
        self._sweep: Timer | None = None
        self._pause: Timer | None = None
        self._closed = False
        self._is_open = False
        self._host = host
        if opens:
            self.open()

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return len(self._strangers) + len(self._known)

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits for an answer, or for the rest of it."""
        return any(session.busy or session.connection.is_sending for session in self._known)

    def open(self) -> None:
        """Let callers in. Raises PortInUse, and closes, where another program that took the port as well was first."""
        try:
            start_listening(self._listeners[0], self._host)
        except TrainerError:
            self.close()
            raise
        self._is_open = True
        self._listen()

    def close(self) -> None:
        """Stop listening and close every connection."""
        if self._closed:
            return
        self._closed = True
        if self._is_open and self._pause is None:
            self._stop_listening()
        for timer in (self._pause, self._sweep):
            if timer is not None:
                timer.cancel()
        for listener in self._listeners:
            listener.close()
        self._spare.close()
        for session in [*self._strangers, *self._known]:
            session.connection.close()

    def spoke(self, session: Session) -> None:
        """A session's first valid call came: it is silent no more."""
        self._silent.pop(session, None)

    def admit(self, session: Session) -> None:
        """Make a session a known one before its hello is answered.

        Raises:
            Refused: there are too many.
        """
        if len(self._known) >= self._limits.authenticated and session not in self._known:
            raise Refused(f"{self._limits.authenticated} connections are open, which is the limit; close some")
        self._forget_stranger(session)
        self._known.add(session)

    def _listen(self) -> None:
        for listener in self._listeners:
            self._loop.register(listener, READ, partial(self._accept, listener))

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            self._loop.unregister(listener)

    def _accept(self, listener: socket.socket, _events: int) -> None:
        for _ in range(_ACCEPT_AT_ONCE):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._without_descriptor(listener, error)
                return
            self._take(sock, address[0] if isinstance(address, tuple) else _SAME_HOST)

    def _without_descriptor(self, listener: socket.socket, error: OSError) -> None:
        """Turn the newcomer away and pause listening: the listener would stay ready and the loop spin."""
        if error.errno not in _NO_DESCRIPTOR:
            raise error
        self._bad_peers.note("", f"no file descriptor is left for a new connection: {error.strerror}", self._loop.now)
        self._spare.turn_away(listener)
        self._stop_listening()
        self._pause = self._loop.call_later(_BACK_OFF_S, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self._listen()

    def _take(self, sock: socket.socket, host: str) -> None:
        if has_left(sock) or not self._make_room(host):
            sock.close()
            return
        session = Session(self._service, self._handler, self)
        try:
            here = sock.getsockname()
            connection = Connection(
                self._loop,
                sock,
                on_frame=session.on_frame,
                on_closed=lambda reason: self._gone(session, host, reason),
                max_frame_bytes=frame_limit(None),
                stall_s=self._limits.stall_s,
                tls=self._tls if isinstance(here, tuple) else None,
            )
        except OSError:  # it has gone already, which some platforms say when options are set
            sock.close()
            return
        session.start(connection)
        session.caller.is_on_this_host = is_loopback(host) or here[0] == host
        self._strangers[session] = host
        self._by_address[host] += 1
        self._silent[session] = self._loop.now + self._limits.first_call_s
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._limits.first_call_s, self._close_silent)

    def _make_room(self, host: str) -> bool:
        if not is_loopback(host) and self._by_address[host] >= self._limits.unauthenticated_per_address:
            self._bad_peers.note(
                host, f"{host}: too many connections without hello; a new one is refused", self._loop.now
            )
            return False
        if len(self._strangers) < self._limits.unauthenticated:
            return True
        oldest = next(iter(self._silent), None) or next((each for each in self._strangers if not each.busy), None)
        if oldest is None:
            self._bad_peers.note(
                host, f"{host}: every connection without hello is busy; a new one is refused", self._loop.now
            )
            return False
        oldest.connection.close(TimedOut(f"{oldest.caller.peer} made room for a newcomer"))
        return True

    def _close_silent(self) -> None:
        self._sweep = None
        while self._silent:
            session, until = next(iter(self._silent.items()))
            if until > self._loop.now:
                self._sweep = self._loop.call_later(until - self._loop.now, self._close_silent)
                return
            session.connection.close(
                TimedOut(f"{session.caller.peer} said nothing for {self._limits.first_call_s:g} s")
            )

    def _gone(self, session: Session, host: str, reason: TrainerError) -> None:
        self._silent.pop(session, None)
        self._forget_stranger(session)
        self._known.discard(session)
        if isinstance(reason, ProtocolError | TimedOut):
            self._bad_peers.note(host, str(reason), self._loop.now)
        else:
            logger.debug("%s", reason)
        session.closed()

    def _forget_stranger(self, session: Session) -> None:
        host = self._strangers.pop(session, None)
        if host is not None:
            self._by_address[host] -= 1
            if not self._by_address[host]:
                del self._by_address[host]
