"""The connections to the simulated nodes that run script jobs, and the faults that befall them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from coordinator.core.events import Beat, Broke, Event, NodeDown, NodeUp, Outcome, Reported
from coordinator.core.model import Attempt
from rpc.errors import FailureKind
from tests.simulation.clock import Action, Clock
from tests.simulation.job_nodes import JobNode, JobNodes
from tests.simulation.job_schedule import JobFault, NodeFault

_BEAT_S = 2.0


class JobWires:
    """Between one coordinator, while there is one, and its nodes.

    Attributes:
        calls: by fence the attempts whose connection is open.
        is_served: there is a coordinator.
    """

    def __init__(
        self, nodes: JobNodes, clock: Clock, rng: Random, *,
        handle: Callable[[Event], None], bound_to: Callable[[str], set[str]],
    ) -> None:  # fmt: skip
        """`handle` takes an event to the dispatcher; `bound_to` says which jobs a node has, as far as is committed."""
        self.nodes = nodes
        self.calls: dict[int, Attempt] = {}
        self.is_served = False
        self._clock, self._rng = clock, rng
        self.handle, self._bound_to = handle, bound_to

    def lose_the_coordinator(self) -> None:
        self.is_served = False
        self.calls.clear()
        for node in self.nodes.by_id.values():
            node.is_open = False

    def find_the_coordinator(self) -> None:
        self.is_served = True
        for node in self.nodes.by_id.values():
            self.connect_soon(node)

    def strike(self, fault: NodeFault) -> None:
        node, kind = self.nodes.by_id[fault.node], fault.kind
        if not node.is_alive:
            return
        if kind in (JobFault.SLOT_LOST, JobFault.GARBAGE):
            broken = FailureKind.NODE_LOST if kind is JobFault.SLOT_LOST else FailureKind.PROTOCOL
            for attempt in [each for each in self.calls.values() if each.node_id == node.id]:
                self.reported(attempt, Broke(broken, kind))
            return
        placed = {attempt.task_id.partition("/")[0] for attempt in self.calls.values() if attempt.node_id == node.id}
        self.nodes.lost.update(placed | self._bound_to(node.id))
        if kind is JobFault.KILL:
            session = node.session
            self.nodes.die(node)
            if self._rng.random() < 0.7:
                self._clock.after(0.01, lambda: self._down(node, session))
            self._clock.after(fault.span_s, partial(self._revive, node))
        else:
            node.held_until = max(node.held_until, self._clock.now + fault.span_s)
            self._clock.after(node.held_until - self._clock.now, partial(self._heal, node, node.life))

    def _revive(self, node: JobNode) -> None:
        node.is_alive = True
        self.connect_soon(node)

    def _heal(self, node: JobNode, life: int) -> None:
        """What was on its way arrives, in any order."""
        if node.life != life or self._clock.now < node.held_until - 1e-9:
            return
        waiting, node.waiting = node.waiting, []
        for action in waiting:
            self._clock.after(self._rng.uniform(0.0, 0.01), action)
        self.connect_soon(node)

    def _down(self, node: JobNode, session: int) -> None:
        self._drop_calls(node, session)
        self.handle(NodeDown(node.id, session, "reset"))

    def _drop_calls(self, node: JobNode, session: int) -> None:
        for fence, attempt in list(self.calls.items()):
            if attempt.node_id == node.id and attempt.session <= session:
                del self.calls[fence]

    def hang_up(self, node: JobNode, session: int) -> None:
        self._drop_calls(node, session)
        if node.session == session:
            node.is_open = False
            self.connect_soon(node)

    def connect_soon(self, node: JobNode) -> None:
        self._clock.after(self._rng.uniform(0.01, 1.0), partial(self._connect, node))

    def _connect(self, node: JobNode) -> None:
        if not self.is_served or not node.is_alive or node.is_open or self._clock.now < node.held_until:
            return
        self._drop_calls(node, node.session)
        node.session += 1
        node.is_open = True
        self.nodes.greeted(node)
        self.handle(NodeUp(node.info(), node.session))
        self._beat(node, node.session)

    def _beat(self, node: JobNode, session: int) -> None:
        def heard() -> None:
            self.nodes.heard(node)
            self._pass(node, answered)

        def answered() -> None:
            if node.session == session and node.is_open:
                self.handle(Beat(node.id, session))
                self._clock.after(_BEAT_S, partial(self._beat, node, session), is_background=True)

        self.call(node, session, heard)

    def send(self, attempt: Attempt, action: Callable[[JobNode], None]) -> None:
        node = self.nodes.by_id[attempt.node_id]
        self.call(node, attempt.session, lambda: action(node))

    def call(self, node: JobNode, session: int, action: Action) -> None:
        """Have a node do something; what is under way to one that is held up arrives however late."""
        if node.session == session and node.is_open:
            self._pass(node, action)

    def _pass(self, node: JobNode, action: Action) -> None:
        """Carry something to a node, or from it."""
        life = node.life

        def arrive() -> None:
            if node.life != life:
                return
            if self._clock.now < node.held_until:
                node.waiting.append(arrive)
            else:
                action()

        self._clock.after(self._rng.uniform(0.0005, 0.005), arrive, is_background=True)

    def reply(self, attempt: Attempt, outcome: Outcome) -> None:
        node = self.nodes.by_id[attempt.node_id]
        self.answer(node, partial(self.reported, attempt, outcome), attempt)

    def answer(self, node: JobNode, action: Action, attempt: Attempt) -> None:
        """The coordinator hears from the node, if the call for the attempt is still open."""

        def arrived() -> None:
            if attempt.fence in self.calls:
                action()

        self._pass(node, arrived)

    def reported(self, attempt: Attempt, outcome: Outcome) -> None:
        if self.calls.pop(attempt.fence, None) is not None:
            self.handle(Reported(attempt, outcome))
