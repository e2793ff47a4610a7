"""The link to one node: a control connection, one connection per slot, and the patience to open them again."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from coordinator.core.events import Beat, Event, NodeDown, NodeUp, Outcome
from coordinator.core.model import NodeInfo
from coordinator.core.retry import Backoff
from coordinator.errands import Cargo
from coordinator.scripts import Player, RunAside, Script
from rpc.channel import Channel
from rpc.errors import ProtocolError, TimedOut, TrainerError
from rpc.loop import Loop
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply, NodeStatus
from rpc.program import VERSION
from rpc.services import COMPUTE_NODE

logger = logging.getLogger(__name__)

_SOON_S = 0.1  # until the next beat of a node whose self-test is not done


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How nodes are called. Times in seconds."""

    coordinator: str
    epoch: int
    policy: str
    beat_s: float = 2.0
    lease_s: float = 10.0
    task_timeout_s: float = 3600.0
    redial: Backoff = Backoff(0.1, 1.0)


@dataclass(slots=True)
class _Slot:
    """One slot connection. A script that comes while it is being opened again waits in `next`."""

    channel: Channel | None = None
    next: Callable[[Channel], None] | None = None
    busy: bool = False


class NodeLink:
    """Everything between the coordinator and one node. Events go to `post`.

    Attributes:
        id: "host:port" as listed.
        reason: why the node is not connected, or nothing.
    """

    def __init__(
        self, loop: Loop, address: tuple[str, int], settings: LinkSettings, aside: RunAside, rng: Random,
        post: Callable[[Event], None],
    ) -> None:  # fmt: skip
        self.id = f"{address[0]}:{address[1]}"
        self.reason = "not reached yet"
        self.session = 0
        self._loop = loop
        self._address = address
        self._settings = settings
        self._aside = aside
        self._rng = rng
        self._post = post
        self._failures = 0
        self._closed = False
        self._is_up = False
        self._control: Channel | None = None
        self._control_calls: deque[tuple[str, tuple[Any, ...], Callable[[Any], None]]] = deque()
        self._slots: list[_Slot] = []
        self._reply: HelloReply | None = None
        self.cargo = Cargo(set())

    def open(self) -> None:
        """Dial the node; goes on until `close`."""
        self.session += 1
        self._control = self._dial("control", self._greeted, self._control_lost)

    def close(self) -> None:
        """End all connections and dial no more."""
        self._closed = True
        self._drop(TrainerError("the coordinator stops"))

    def disconnect(self, session: int, reason: str) -> None:
        """End this session if it is the present one; the node is dialled anew."""
        if session == self.session and self._control is not None:
            self._control.close(TrainerError(reason))

    def play(self, script: Script, done: Callable[[Outcome, int, int], None]) -> None:
        """Play a script on a free slot; `done` gets its outcome and the bytes sent and received for it."""
        slot = next(slot for slot in self._slots if not slot.busy)
        slot.busy = True

        def start(channel: Channel) -> None:
            connection = channel.connection
            assert connection is not None
            sent, received = connection.bytes_sent, connection.bytes_received

            def over(outcome: Outcome) -> None:
                slot.busy = False
                done(outcome, connection.bytes_sent - sent, connection.bytes_received - received)

            Player(script, channel, self._aside, self._settings.task_timeout_s, over).play()

        if slot.channel is not None and not slot.channel.busy:
            start(slot.channel)
        else:
            slot.next = start  # its channel is going down in this very turn, or being opened again

    def tell(self, method: str, *args: Any) -> None:
        """Call a method on the control connection when it is free; the answer does not matter."""
        if self._is_up:
            self._control_calls.append((method, args, lambda reply: None))
            self._next_control_call()

    def _dial(
        self, connection: str, on_up: Callable[[HelloReply], None], on_down: Callable[[TrainerError], None]
    ) -> Channel:
        hello = Hello(
            protocol=PROTOCOL_VERSION,
            role="coordinator",
            version=VERSION,
            coordinator=self._settings.coordinator,
            epoch=self._settings.epoch,
            policy=self._settings.policy,
            connection=connection,
        )
        return Channel(self._loop, self._address, COMPUTE_NODE, hello=hello, on_up=on_up, on_down=on_down)

    def _greeted(self, reply: HelloReply) -> None:
        self._reply = reply
        self.cargo = Cargo(set(reply.blobs))
        self._slots = [_Slot() for _ in range(max(1, reply.slots))]
        for slot in self._slots:
            self._open_slot(slot)

    def _open_slot(self, slot: _Slot) -> None:
        channel = self._dial("slot", lambda _: self._slot_up(slot, channel), lambda error: self._slot_lost(slot, error))

    def _slot_up(self, slot: _Slot, channel: Channel) -> None:
        slot.channel = channel
        if not self._is_up:
            if all(each.channel is not None for each in self._slots):
                self._all_up()
        elif slot.next is not None:
            start, slot.next = slot.next, None
            start(channel)

    def _all_up(self) -> None:
        reply = self._reply
        assert reply is not None
        self._is_up, self._failures, self.reason = True, 0, ""
        logger.info("node %s: connected (%s, %s, %d slots)", self.id, reply.name, reply.device, len(self._slots))
        info = NodeInfo(self.id, reply.name, len(self._slots), reply.device, reply.numeric_classes)
        self._post(NodeUp(info, self.session))
        self._beat_later(self._settings.beat_s if reply.numeric_classes else _SOON_S)

    def _beat_later(self, delay_s: float) -> None:
        session = self.session
        self._loop.call_later(delay_s, lambda: self._beat(session))

    def _beat(self, session: int) -> None:
        if session == self.session and self._is_up:
            self._control_calls.appendleft(("status", (), lambda reply: self._beaten(session, reply)))
            self._next_control_call()

    def _beaten(self, session: int, reply: Any) -> None:
        if not isinstance(reply, NodeStatus):
            return  # the connection is ending, or the node answered with an error: no beat
        beat = Beat(self.id, session, reply.numeric_classes, reply.cpu, reply.memory_used_bytes)
        self._post(beat)
        self._beat_later(self._settings.beat_s if reply.numeric_classes else _SOON_S)

    def _next_control_call(self) -> None:
        control = self._control
        if control is None or control.busy or not self._control_calls:
            return
        method, args, on_reply = self._control_calls.popleft()

        def answered(reply: Any) -> None:
            on_reply(reply)
            self._loop.post(self._next_control_call)

        control.call(method, *args, timeout_s=self._settings.lease_s, on_reply=answered)

    def _control_lost(self, error: TrainerError) -> None:
        self._control = None
        self._drop(error)

    def _slot_lost(self, slot: _Slot, error: TrainerError) -> None:
        was_up, slot.channel = slot.channel is not None, None
        if slot not in self._slots:
            return
        if was_up and self._is_up and isinstance(error, ProtocolError | TimedOut):
            logger.warning("node %s: %s; the slot is connected anew", self.id, error)
            self._open_slot(slot)
        elif self._control is not None:
            self._control.close(error)  # the process is gone, or as good as: one end for all its connections

    def _drop(self, error: TrainerError) -> None:
        """The session is over: close what is left of it, say so, and dial again later."""
        was_up, self._is_up = self._is_up, False
        self.reason = str(error)
        self._control_calls.clear()
        slots, self._slots = self._slots, []
        for slot in slots:
            if slot.channel is not None:
                slot.channel.close(error)
        control, self._control = self._control, None
        if control is not None:
            control.close(error)
        if was_up and not self._closed:
            logger.warning("node %s: lost: %s", self.id, error)
            self._post(NodeDown(self.id, self.session, str(error)))
        if not self._closed:
            self._failures += 1
            self._loop.call_later(self._settings.redial.delay_s(self._failures, self._rng), self._redial)

    def _redial(self) -> None:
        if not self._closed:
            self.open()
