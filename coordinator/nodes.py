"""The link to one node: a session after the other, and the patience to begin the next."""

from __future__ import annotations

import logging
from collections.abc import Callable
from random import Random
from typing import Any

from coordinator.core.events import Beat, Event, NodeDown, NodeUp, Outcome
from coordinator.core.node_facts import NodeInfo
from coordinator.core.retry import Backoff
from coordinator.errands import Cargo
from coordinator.lines import Address, Dialled, Joined, Line
from coordinator.scripts import Script
from coordinator.sessions import NodeSession, Surroundings
from rpc.errors import Cancelled, TrainerError, Unreachable
from rpc.transport import Connection

logger = logging.getLogger(__name__)

_REDIAL = Backoff(0.1, 1.0)
_PROBE_S = 5.0  # that a process may take to answer, half of what a node waits for being taken in


class NodeLink:
    """Everything between the coordinator and one node. Events go to `post`.

    Attributes:
        id: of the node; where it listens, or its identity if it dials in.
        reason: why the node is not connected, or nothing.
    """

    def __init__(
        self, around: Surroundings, node_id: str, address: Address | None, rng: Random, *, post: Callable[[Event], None]
    ) -> None:
        """`address` is where the node listens; None: it dials in."""
        self.id = node_id
        self.reason = "not reached yet"
        self._around = around
        self._address = address
        self._rng = rng
        self._post = post
        self._session: NodeSession | None = None
        self._sessions = 0
        self._failures = 0
        self._joined: Joined | None = None
        self._instance = ""  # of the process that has dialled in
        self._probes: list[Callable[[bool], None]] = []
        self._is_drained = False
        self._cut = False
        self._closed = False

    def open(self) -> None:
        """Dial the node; goes on until `close` or `cut`. Of a node that dials in this lifts `cut`."""
        self._cut = False
        self._dial()

    def joined(self, number: int, control: Connection, instance: str) -> None:
        """The node has dialled in: begin a session on its connections, in place of one there may be."""
        if self._session is not None:
            self._session.end(Unreachable("it connected anew"))
        self._instance = instance
        self._joined = Joined(number, control)
        self._begin(self._joined)

    def joined_slot(self, number: int, connection: Connection) -> None:
        """The node has dialled once more, for a slot; closed unless its control connection is of the same joining."""
        if self._joined is not None and self._joined.number == number:
            self._joined.add(connection)
        else:
            connection.close()

    def is_of_another(self, instance: str) -> bool:
        """Whether there is a session with another process than this one, as far as they tell."""
        return self._session is not None and bool(instance and self._instance) and instance != self._instance

    def probe(self, answer: Callable[[bool], None]) -> None:
        """Say whether the process at the other end of the session is there; its connection may be all that is left."""
        session = self._session
        if session is None:
            answer(False)
            return

        def settle(is_there: bool) -> None:
            if answer in self._probes:
                self._probes.remove(answer)
                answer(is_there)

        was_up = session.is_up
        self._probes.append(answer)
        session.ask(lambda: settle(True))
        # One that was coming up when it was asked has nothing to answer but that it has come up.
        wait_s = min(_PROBE_S, self._around.settings.lease_s / 2.0)
        self._around.loop.call_later(wait_s, lambda: settle(session.is_up and not was_up))

    def drain(self, is_drained: bool) -> None:
        """Let the node know whether it gets anything new, now and in every session."""
        self._is_drained = is_drained
        if self._session is not None:
            self._session.tell("set_drained", is_drained)

    def cut(self, reason: str) -> None:
        """End the connections and make no new ones until `open`."""
        self._cut = True
        if self._session is not None:
            self._session.end(Cancelled(reason))
        self.reason = reason

    def close(self) -> None:
        """End all connections and dial no more."""
        self._closed = True
        if self._session is not None:
            self._session.end(Cancelled("the coordinator stops"))

    def disconnect(self, session: int, reason: str) -> None:
        """End this session if it is the present one; the node is dialled anew."""
        found = self._find(session)
        if found is not None:
            found.end(TrainerError(reason))

    def play(self, session: int, make: Callable[[Cargo], Script], done: Callable[[Outcome, int, int], None]) -> None:
        """Play a script on a free slot of this session; nothing if it is over, which its end has told."""
        found = self._find(session)
        if found is not None:
            found.play(make(found.cargo), done)

    def tell(self, session: int, method: str, *args: Any) -> None:
        """Call a method on the control connection of this session; the answer does not matter."""
        found = self._find(session)
        if found is not None:
            found.tell(method, *args)

    def forget(self, prefix: str) -> None:
        """Let the node drop what it has under names that start so, and what it keeps of that run."""
        session = self._session
        if session is not None:
            session.cargo.held -= {name for name in session.cargo.held if name.startswith(prefix)}
            session.tell("forget", (prefix,))

    def session_up(self, session: NodeSession, info: NodeInfo) -> None:
        """All connections of the session are there."""
        self._failures, self.reason = 0, ""
        logger.info("node %s: connected (%s, %s, slots: %d)", self.id, info.name, info.device, info.slots)
        self._post(NodeUp(info, session.number))
        if self._is_drained:
            session.tell("set_drained", True)

    def session_over(self, session: NodeSession, error: TrainerError) -> None:
        """The session ended, or never came up; the next one is on its way before anybody is told."""
        self._session = None
        self.reason = str(error)
        probes, self._probes = self._probes, []
        for answer in probes:
            answer(False)
        if self._closed:
            return
        self._failures += 1
        self._around.loop.call_later(_REDIAL.delay_s(self._failures, self._rng), self._dial)
        # For a session that never came up nothing waits, and the dispatcher does not know it.
        self._post(NodeDown(self.id, session.number, str(error)))

    def _dial(self) -> None:
        if self._address is not None and self._session is None and not (self._closed or self._cut):
            self._begin(Dialled(self._address))

    def _begin(self, line: Line) -> None:
        self._sessions += 1
        self._session = NodeSession(self._around, self.id, line, self._sessions, owner=self)

    def heard(self, beat: Beat) -> None:
        """The node answered a heartbeat."""
        self._post(beat)

    def _find(self, session: int) -> NodeSession | None:
        found = self._session
        return found if found is not None and found.number == session else None
