"""One session with a node: from the hello on its control connection until one of its connections ends for good."""

from __future__ import annotations

import logging
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from coordinator.core.events import Beat, Broke, Outcome
from coordinator.core.node_facts import NodeInfo
from coordinator.errands import Cargo
from coordinator.heartbeats import beat_of
from coordinator.lines import Line
from coordinator.scripts import Player, RunAside, Script
from rpc.channel import Channel
from rpc.errors import FailureKind, ProtocolError, Refused, TimedOut, TrainerError
from rpc.local_socket import may_use
from rpc.loop import Loop
from rpc.messages import MAX_SLOTS, PROTOCOL_VERSION, SCRIPTS, TRYING, Hello, HelloReply, NodeStatus
from rpc.program import VERSION
from rpc.services import COMPUTE_NODE
from rpc.tokens import may_be_shown
from rpc.transport import Connection

logger = logging.getLogger(__name__)

Done = Callable[[Outcome, int, int], None]

_SOON_S = 0.1  # until the next beat of a node whose self-test is not done
_SOON_BEATS = 300


@dataclass(frozen=True, slots=True)
class CallSettings:
    """How nodes are called. Times in seconds. `node_token` is shown to nodes that listen, here or inside TLS."""

    coordinator: str
    epoch: int
    policy: str
    node_token: str = field(default="", repr=False)
    beat_s: float = 2.0
    lease_s: float = 10.0
    task_timeout_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all links and sessions of a coordinator share."""

    loop: Loop
    aside: RunAside
    settings: CallSettings
    node_tls: ssl.SSLContext | None = None  # how listed nodes are called


class Owner(Protocol):
    """Whom a session tells what becomes of it."""

    def session_up(self, session: NodeSession, info: NodeInfo) -> None:
        """All connections are there."""

    def session_over(self, session: NodeSession, error: TrainerError) -> None:
        """It ended, once; its connections are closed after this call, so that what they still report comes too late."""

    def heard(self, beat: Beat) -> None:
        """The node answered a heartbeat."""


@dataclass(slots=True, eq=False)
class _Slot:
    """One slot connection, by the node's Unix socket if `local_socket` is its path.

    A script that comes while it is being opened again waits in `next`.
    """

    local_socket: str
    channel: Channel | None = None
    is_up: bool = False
    busy: bool = False
    next: Callable[[], None] | None = None


class NodeSession:
    """The control connection of a node and one connection per slot.

    Attributes:
        number: grows with every session of the node.
        is_up: announced, and not over.
        cargo: what the node holds.
    """

    def __init__(self, around: Surroundings, node_id: str, line: Line, number: int, *, owner: Owner) -> None:
        self.number = number
        self.is_up = False
        self.cargo = Cargo(set())
        self._loop = around.loop
        self._aside = around.aside
        self._node_tls = around.node_tls
        self._settings = around.settings
        self._node_id = node_id
        self._line = line
        self._owner = owner
        self._is_over = False
        self._slots: list[_Slot] = []
        self._calls: deque[tuple[str, tuple[Any, ...], Callable[[Any], None]]] = deque()
        self._beats = 0
        self._control = self._dial("control", self._greeted, self.end, accepted=line.control)

    def end(self, error: TrainerError) -> None:
        """End the session and all its connections; harmless when it is over."""
        if self._is_over:
            return
        self._is_over, self.is_up = True, False
        self._owner.session_over(self, error)
        for channel in (self._control, *(slot.channel for slot in self._slots)):
            if channel is not None:
                channel.close(error)
        self._line.close()

    def play(self, script: Script, done: Done) -> None:
        """Play a script on a free slot; `done` gets its outcome and the bytes sent and received for it."""
        slot = next((slot for slot in self._slots if not slot.busy), None)
        if slot is None or self._is_over:
            script.close()
            done(Broke(FailureKind.NODE_LOST, f"no connection to {self._node_id} is free"), 0, 0)
            return
        slot.busy = True
        channel = slot.channel
        if channel is not None and slot.is_up and not channel.busy:
            self._start(slot, channel, script, done)
        else:  # its channel is going down in this very turn, or is being opened again
            slot.next = lambda: self._start(slot, slot.channel, script, done)

    def tell(self, method: str, *args: Any) -> None:
        """Call a method on the control connection when it is free; the answer does not matter."""
        if self.is_up:
            self._calls.append((method, args, lambda reply: None))
            self._next_call()

    def ask(self, answered: Callable[[], None]) -> None:
        """Call `answered` when the node answers a heartbeat out of turn, which it may never do."""

        def on_reply(reply: Any) -> None:
            if isinstance(reply, NodeStatus):
                answered()

        if self.is_up:
            self._calls.appendleft(("status", (), on_reply))
            self._next_call()

    def _start(self, slot: _Slot, channel: Channel | None, script: Script, done: Done) -> None:
        assert channel is not None and channel.connection is not None
        connection = channel.connection
        sent, received = connection.bytes_sent, connection.bytes_received

        def over(outcome: Outcome) -> None:
            slot.busy = False
            connection.give_back_memory()  # there may be hundreds of slots, and deltas come from few of them at once
            done(outcome, connection.bytes_sent - sent, connection.bytes_received - received)

        Player(script, channel, self._aside, self._settings.task_timeout_s, over).play()

    def _dial(
        self,
        connection: str,
        on_up: Callable[[HelloReply], None],
        on_down: Callable[[TrainerError], None],
        *,
        local_socket: str = "",
        accepted: Connection | None = None,
    ) -> Channel:
        hello = Hello(
            protocol=PROTOCOL_VERSION,
            role="coordinator",
            version=VERSION,
            coordinator=self._settings.coordinator,
            epoch=self._settings.epoch,
            policy=self._settings.policy,
            token=self._settings.node_token if self._may_be_told(accepted) else "",
            connection=connection,
        )
        return Channel(
            self._loop, self._line.address, COMPUTE_NODE,
            hello=hello, on_up=on_up, on_down=on_down, local_socket=local_socket, accepted=accepted,
            tls=self._node_tls,
        )  # fmt: skip

    def _may_be_told(self, accepted: Connection | None) -> bool:
        """Whether a secret that is sent there can reach nobody but whom it is for."""
        return accepted is None and may_be_shown(self._line.address[0], is_secured=self._node_tls is not None)

    def _greeted(self, reply: HelloReply) -> None:
        if not 1 <= reply.slots <= MAX_SLOTS:
            self.end(Refused(f"{self._node_id} offers {reply.slots} slots; 1 to {MAX_SLOTS} are possible"))
            return
        self.cargo = Cargo(set(reply.blobs))
        local = reply.local_socket if may_use(reply.local_socket, self._line.address[1]) else ""
        self._slots = [_Slot(local) for _ in range(reply.slots)]
        for slot in self._slots:
            self._open_slot(slot, reply)

    def _open_slot(self, slot: _Slot, reply: HelloReply) -> None:
        slot.channel = None
        self._line.slot(lambda accepted: self._dial_slot(slot, reply, accepted))
        if slot.channel is None and not self._is_over:
            self._loop.call_later(self._settings.lease_s, lambda: self._look_for(slot))

    def _dial_slot(self, slot: _Slot, reply: HelloReply, accepted: Connection | None) -> None:
        slot.channel = self._dial(
            "slot",
            lambda its_reply: self._slot_up(slot, reply, its_reply),
            lambda error: self._slot_down(slot, reply, error),
            local_socket=slot.local_socket,
            accepted=accepted,
        )

    def _look_for(self, slot: _Slot) -> None:
        if slot.channel is None:
            self.end(TimedOut(f"{self._node_id} has not opened its connections in {self._settings.lease_s:g} s"))

    def _slot_up(self, slot: _Slot, reply: HelloReply, its_reply: HelloReply) -> None:
        if slot.local_socket and its_reply.local_socket != reply.local_socket and slot.channel is not None:
            slot.channel.close(Refused(f"{slot.local_socket} leads to another node than {self._node_id}"))
            return
        slot.is_up = True
        if not self.is_up:
            if all(each.is_up for each in self._slots):
                self._announce(reply)
        elif slot.next is not None:
            start, slot.next = slot.next, None
            start()

    def _slot_down(self, slot: _Slot, reply: HelloReply, error: TrainerError) -> None:
        was_up, slot.is_up = slot.is_up, False
        if self._is_over:
            return
        if slot.local_socket and not was_up:
            logger.debug("node %s: %s; its port is dialled instead", self._node_id, error)
            slot.local_socket = ""
            self._open_slot(slot, reply)
        elif was_up and self.is_up and isinstance(error, ProtocolError | TimedOut):
            logger.warning("node %s: %s; the slot is connected anew", self._node_id, error)
            self._open_slot(slot, reply)
        else:
            self.end(error)  # the process is gone, or as good as: one end for all its connections

    def _announce(self, reply: HelloReply) -> None:
        self.is_up = True
        info = NodeInfo(
            id=self._node_id,
            name=reply.name,
            slots=len(self._slots),
            device=reply.device,
            numeric_classes=reply.numeric_classes,
            kept=reply.attempts,
            identity=reply.identity,
            version=reply.version,
            labels=reply.labels,
            memory_bytes=reply.memory_bytes,
        )
        self._owner.session_up(self, info)
        self._beat_later(_is_tested(reply))

    def _beat_later(self, is_tested: bool) -> None:
        self._beats += 1
        soon = not is_tested and self._beats < _SOON_BEATS
        self._loop.call_later(_SOON_S if soon else self._settings.beat_s, self._beat)

    def _beat(self) -> None:
        if self.is_up:
            self._calls.appendleft(("status", (), self._beaten))
            self._next_call()

    def _beaten(self, reply: Any) -> None:
        if not isinstance(reply, NodeStatus):
            return  # the connection is ending, or the node answered with an error: no beat
        self._owner.heard(beat_of(self._node_id, self.number, reply))
        self._beat_later(_is_tested(reply))

    def _next_call(self) -> None:
        if self._control.busy or not self._calls:
            return
        method, args, on_reply = self._calls.popleft()

        def answered(reply: Any) -> None:
            on_reply(reply)
            self._loop.post(self._next_call)

        self._control.call(method, *args, timeout_s=self._settings.lease_s, on_reply=answered)


def _is_tested(said: HelloReply | NodeStatus) -> bool:
    """Whether the node knows all that it will find out about itself."""
    return bool(said.numeric_classes) and said.labels.get(SCRIPTS) != TRYING
