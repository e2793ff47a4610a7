"""A node that dials its coordinator: one connection for control and one per slot, on all of which it then serves."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from rpc.channel import Channel
from rpc.errors import TrainerError, Unauthenticated
from rpc.loop import Loop, Timer
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply, Join
from rpc.node_identity import identity_of
from rpc.program import VERSION
from rpc.services import COMPUTE_NODE, COORDINATOR
from rpc.session import Session
from rpc.tokens import WITHHELD, may_be_shown

logger = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0
_ANSWER_S = 10.0


class Joining:
    """Keeps a node joined until `close`. When the control connection ends, all are made anew."""

    def __init__(
        self,
        loop: Loop,
        address: tuple[str, int],
        handler: Any,
        *,
        key: bytes,
        slots: int,
        rng: Random,
        token: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`token` is shown to the coordinator, which is called inside `tls`."""
        self._loop = loop
        self._address = address
        self._handler = handler
        self._key = key
        self._slots = slots
        self._rng = rng
        self._is_withheld = not may_be_shown(address[0], is_secured=tls is not None)
        self._told_token = "" if self._is_withheld else token
        self._tls = tls
        self._instance = f"{rng.getrandbits(64):016x}"
        self._number = 0
        self._told = ""  # why it is not joined
        self._lines: list[_Line] = []
        self._failures = 0
        self._retry: Timer | None = None
        self._is_closed = False

    @property
    def is_busy(self) -> bool:
        """Whether the coordinator waits for an answer, or for the rest of it."""
        return any(line.is_busy for line in self._lines)

    def open(self) -> None:
        """Dial the coordinator; goes on until `close`."""
        self._number = self._rng.getrandbits(62)
        self._lines = [self._dial("control", self._control_up, self._control_down)]

    def close(self) -> None:
        """End all connections and dial no more."""
        self._is_closed = True
        if self._retry is not None:
            self._retry.cancel()
        self._end_all()

    def _dial(self, kind: str, on_up: Callable[[], None], on_down: Callable[[TrainerError], None]) -> _Line:
        join = Join(identity_of(self._key), self._key.hex(), kind, self._number, self._instance)
        hello = Hello(PROTOCOL_VERSION, "node", version=VERSION, token=self._told_token, connection=kind)
        return _Line(
            self._loop, self._address, self._handler, (hello, join), on_up=on_up, on_down=on_down, tls=self._tls
        )

    def _control_up(self) -> None:
        logger.info("joined the coordinator at %s:%d", *self._address)
        self._failures, self._told = 0, ""
        for _ in range(self._slots):
            self._open_slot(self._number)

    def _control_down(self, error: TrainerError) -> None:
        if self._is_closed:
            return
        why = WITHHELD if self._is_withheld and isinstance(error, Unauthenticated) else str(error)
        is_news, self._told = why != self._told, why
        logger.log(logging.WARNING if is_news else logging.DEBUG, "%s; dialling again", why)
        self._end_all()
        self._again(self.open)

    def _open_slot(self, number: int) -> None:
        if number == self._number and not self._is_closed:
            self._lines.append(self._dial("slot", lambda: None, partial(self._slot_down, number)))

    def _slot_down(self, number: int, error: TrainerError) -> None:
        if number == self._number and not self._is_closed:
            logger.debug("a slot's connection has ended: %s", error)
            self._lines = [line for line in self._lines if not line.is_down]
            self._loop.call_later(_FIRST_WAIT_S * self._rng.uniform(0.5, 1.5), partial(self._open_slot, number))

    def _end_all(self) -> None:
        self._number = 0  # those of this joining that report their end from now on are heard no more
        lines, self._lines = self._lines, []
        for line in lines:
            line.close()

    def _again(self, dial: Callable[[], None]) -> None:
        # Drawn from a wide range: thousands of nodes may have lost the same coordinator at the same time.
        longest_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(self._failures, 10))
        self._failures += 1
        self._retry = self._loop.call_later(longest_s * self._rng.uniform(0.5, 1.5), dial)


class _Line:
    """One connection: said hello on, offered to the coordinator, then served on."""

    def __init__(
        self,
        loop: Loop,
        address: tuple[str, int],
        handler: Any,
        words: tuple[Hello, Join],
        *,
        on_up: Callable[[], None],
        on_down: Callable[[TrainerError], None],
        tls: ssl.SSLContext | None,
    ) -> None:
        self.is_down = False
        self._handler = handler
        hello, self._join = words
        self._on_up = on_up
        self._on_down = on_down
        self._session: Session | None = None
        self._channel = Channel(
            loop, address, COORDINATOR, hello=hello, on_up=self._greeted, on_down=self._down, tls=tls
        )

    @property
    def is_busy(self) -> bool:
        session = self._session
        return session is not None and (session.busy or session.connection.is_sending)

    def close(self) -> None:
        if self._session is not None:
            self._session.connection.close()
        else:
            self._channel.close()

    def spoke(self, session: Session) -> None:
        """The coordinator's first call came."""

    def admit(self, session: Session) -> None:
        """Whoever this node has dialled may call it."""

    def _greeted(self, reply: HelloReply) -> None:
        self._channel.call("join", self._join, timeout_s=_ANSWER_S, on_reply=self._joined)

    def _joined(self, reply: Any) -> None:
        if isinstance(reply, TrainerError):
            self._channel.close(reply)
            return
        connection = self._channel.release()
        session = self._session = Session(COMPUTE_NODE, self._handler, self)
        session.start(connection)
        connection.hand_over(session.on_frame, self._ended)
        self._on_up()

    def _ended(self, reason: TrainerError) -> None:
        assert self._session is not None
        self._session.closed()
        self._down(reason)

    def _down(self, reason: TrainerError) -> None:
        if not self.is_down:
            self.is_down = True
            self._on_down(reason)
