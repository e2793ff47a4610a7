"""One connection of a server: calls in, one at a time; results, failures and late replies out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from rpc.codec import (
    Call,
    UnknownMethod,
    decode_call,
    encode_failure,
    encode_result,
    encode_unknown_method,
)
from rpc.errors import Refused, TrainerError
from rpc.greeting import check_hello, frame_limit
from rpc.messages import Hello
from rpc.services import Service
from rpc.transport import Connection

logger = logging.getLogger(__name__)


class Caller:
    """Who calls: passed to every method of a handler.

    Attributes:
        peer: "host:port".
        hello: what was accepted, or None.
        is_on_this_host: as far as addresses tell.
        close: closes the connection.
        attributes: for the handler's own notes about this connection.
    """

    def __init__(self, peer: str, close: Callable[[], None]) -> None:
        self.peer = peer
        self.is_on_this_host = False
        self.close = close
        self.hello: Hello | None = None
        self.attributes: dict[str, Any] = {}
        self._closed = False
        self._on_closed: list[Callable[[], None]] = []

    @property
    def host(self) -> str:
        """The address that it calls from."""
        return self.peer.rpartition(":")[0]

    def on_closed(self, callback: Callable[[], None]) -> None:
        """Call `callback` once when the connection is closed; at once if it is."""
        if self._closed:
            callback()
        else:
            self._on_closed.append(callback)

    def _tell_closed(self) -> None:
        self._closed = True
        for callback in self._on_closed:
            try:
                callback()
            except Exception:
                logger.exception("%s: what should follow a closed connection failed", self.peer)
        self._on_closed.clear()


class Later:
    """A reply that a handler owes: resolve or fail it once, on the loop's thread; later tries do nothing."""

    __slots__ = ("_answer", "_deliver", "answered")

    def __init__(self) -> None:
        self.answered = False
        self._answer: tuple[Any, Exception | None] = (None, None)
        self._deliver: Callable[[Any, Exception | None], None] | None = None

    def resolve(self, value: Any) -> None:
        """Reply with the method's result."""
        self._settle(value, None)

    def fail(self, error: Exception) -> None:
        """Reply with an error."""
        self._settle(None, error)

    def settle(self, outcome: Any) -> None:
        """Reply with a result, or with an error if it is one."""
        if isinstance(outcome, Exception):
            self._settle(None, outcome)
        else:
            self._settle(outcome, None)

    def follow(self, other: Later) -> None:
        """Reply with what the other one is answered with."""
        other.then(self._settle)

    def then(self, deliver: Callable[[Any, Exception | None], None]) -> None:
        """Have `deliver(value, error)` called with the answer; at once if it is there."""
        if self.answered:
            deliver(*self._answer)
        else:
            self._deliver = deliver

    def turned(self, make: Callable[[Any], Any]) -> Later:
        """A reply with what `make` makes of this one's result; an error stays as it is."""
        turned = Later()

        def deliver(value: Any, error: Exception | None) -> None:
            try:
                turned.settle(error if error is not None else make(value))
            except TrainerError as refused:
                turned.fail(refused)

        self.then(deliver)
        return turned

    def _settle(self, value: Any, error: Exception | None) -> None:
        if self.answered:
            return
        self.answered = True
        if self._deliver is None:
            self._answer = (value, error)
        else:
            deliver, self._deliver = self._deliver, None
            deliver(value, error)


@dataclass(frozen=True, slots=True)
class Reversal:
    """A reply after which this side calls on the connection and the other one answers."""

    value: Any
    take: Callable[[Connection], None]


class Watcher(Protocol):
    """What a session tells its server."""

    def spoke(self, session: Session) -> None:
        """The first whole and valid call came."""

    def admit(self, session: Session) -> None:
        """Hello is about to be accepted; raises Refused where there is no room."""


class Session:
    """Calls of one connection, handed to the handler and answered.

    A method of the handler is called as `handler.name(caller, *arguments)` and returns the result or a Later,
    or raises.

    Attributes:
        busy: a reply is owed.
        connection, caller: known from `start` on.
    """

    def __init__(self, service: Service, handler: Any, watcher: Watcher) -> None:
        self._service = service
        self._handler = handler
        self._watcher = watcher
        self._spoke = False
        self.busy = False
        self.connection: Connection
        self.caller: Caller

    def start(self, connection: Connection) -> None:
        """Serve this connection."""
        self.connection = connection
        self.caller = Caller(connection.peer, connection.close)

    def closed(self) -> None:
        """The connection is closed; nobody waits for an answer any more."""
        self.caller._tell_closed()

    def on_frame(self, frame: memoryview) -> None:
        """Answer one call, now or later.

        Raises:
            ProtocolError: the frame is no call of the service.
        """
        try:
            call = decode_call(self._service, frame)
        except UnknownMethod as error:
            if self.caller.hello is None:
                raise
            self.connection.send(encode_unknown_method(error))
            return
        if not self._spoke:
            self._spoke = True
            self._watcher.spoke(self)
        if self.caller.hello is None and not call.method.before_hello:
            self._turn_away(call, Refused(f"{call.method.name} needs a hello first"))
            return
        self._perform(call)

    def _perform(self, call: Call) -> None:
        try:
            if call.method.name == "hello":
                check_hello(call.args[0])
                self._watcher.admit(self)
            result = getattr(self._handler, call.method.name)(self.caller, *call.args)
        except Exception as error:  # whatever it is belongs to this call; unexpected ones go to the log
            self._answer(call, None, error)
            return
        if type(result) is not Later:
            self._finish(call, result, None)
            return
        self.busy = True
        self.connection.hold()

        def deliver(value: Any, error: Exception | None) -> None:
            self.busy = False
            self._finish(call, value, error)
            self.connection.release()

        result.then(deliver)

    def _finish(self, call: Call, value: Any, error: Exception | None) -> None:
        if type(value) is not Reversal:
            self._answer(call, value, error)
            return
        self._answer(call, value.value, None)
        value.take(self.connection)

    def _answer(self, call: Call, value: Any, error: Exception | None) -> None:
        if self.connection.closed:
            return
        if error is None:
            try:
                reply = encode_result(call.method, call.seqid, value)
            except Exception as unfit:  # the handler returned what its method does not
                error = unfit
        if error is not None:
            if call.method.name == "hello":
                self._turn_away(call, error)
                return
            reply = encode_failure(call.method, call.seqid, error)
        elif call.method.name == "hello":
            self._welcome(call.args[0])
        self.connection.send(reply)

    def _welcome(self, hello: Hello) -> None:
        self.caller.hello = hello
        self.connection.max_frame_bytes = frame_limit(hello)

    def _turn_away(self, call: Call, error: Exception) -> None:
        self.connection.send(encode_failure(call.method, call.seqid, error))
        reason = error if isinstance(error, TrainerError) else Refused(f"{self.caller.peer} was turned away")
        self.connection.finish(reason)
