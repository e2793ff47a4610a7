"""Strikes the nodes and reports of a simulation with the faults of its schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from coordinator.core.events import Broke, Declined, Outcome
from rpc.errors import FailureKind, RejectReason
from tests.simulation.clock import Clock
from tests.simulation.cluster import Cluster, Notice
from tests.simulation.coverage import GIVEN_UP, NODE_FAULTS, ONLY_LARGE, Column, FaultKind
from tests.simulation.ledger import Entry, Ledger, Phase
from tests.simulation.nodes import SimNode
from tests.simulation.schedule import FaultPlan

_PATIENCE_S = 20.0  # how long a report is held back for the state that its fault aims at
_VICTIM_S = 6.0  # how long a fault waits for a victim
_ENDS_PLACEMENT = (FaultKind.SLOT_LOST, FaultKind.LOST_REPLY)


@dataclass(slots=True, eq=False)
class _HeldBack:
    """A report that is delivered once `is_due`, or at `until`."""

    until: float
    is_due: Callable[[], bool]
    deliver: Callable[[], None]


class Faults:
    """Planned faults become strikes as victims turn up; `poll` is called after every event."""

    def __init__(self, cluster: Cluster, ledger: Ledger, clock: Clock, rng: Random) -> None:
        self._cluster, self._ledger, self._clock, self._rng = cluster, ledger, clock, rng
        self.column: Callable[[Entry], Column]
        self._waiting: list[tuple[float, FaultPlan]] = []  # for a victim, with the time they give up
        self._marks: dict[int, FaultPlan] = {}  # by fence: what will happen to the report of an open call
        self._held_back: list[_HeldBack] = []
        self._next_break = 0.0  # not too many broken only to have a victim
        cluster.reply = self._reply

    @property
    def is_idle(self) -> bool:
        """Whether no report is held back."""
        return not self._held_back

    def plan(self, fault: FaultPlan) -> None:
        def begin() -> None:
            self._waiting.append((self._clock.now + _VICTIM_S, fault))

        self._clock.after(fault.at, begin, is_background=True)

    def stop(self) -> None:
        """No new strikes."""
        self._waiting.clear()
        self._marks.clear()

    def poll(self) -> None:
        """Strike if there is a victim; let go what was held back long enough."""
        now = self._clock.now
        if self._waiting:
            until, fault = self._waiting[0]
            if self._strike(fault) or now > until:
                self._waiting.pop(0)
        if self._held_back:
            due = [held for held in self._held_back if held.is_due() or now >= held.until]
            for held in due:
                self._held_back.remove(held)
                self._clock.after(0.0, held.deliver)

    def _strike(self, fault: FaultPlan) -> bool:
        if fault.kind not in NODE_FAULTS:
            return self._mark(fault)
        nodes = [node for node in self._cluster.nodes.values() if node.is_reachable]
        if fault.aim is not None:
            aim = fault.aim
            nodes = [node for node in nodes if any(self.column(entry) is aim for entry in self._on(node))]
        if nodes:
            self._strike_node(fault.kind, self._rng.choice(nodes))
        elif fault.aim in GIVEN_UP and not self._is_any_given_up():
            self._break_some_call(fault.aim)
        return bool(nodes)

    def _is_any_given_up(self) -> bool:
        """Whether a node works on an attempt that the dispatcher has given up."""
        nodes = [node for node in self._cluster.nodes.values() if node.is_reachable]
        return any(self.column(entry) in GIVEN_UP for node in nodes for entry in self._on(node))

    def _on(self, node: SimNode) -> list[Entry]:
        """All attempts that the node or the dispatcher thinks are on the node."""
        fences = dict.fromkeys([*sorted(node.working), *sorted(node.kept), *self._ledger.calling(node.id)])
        return [self._ledger.entries[fence] for fence in fences]

    def _open_calls(self) -> list[Entry]:
        nodes = [node for node in self._cluster.nodes.values() if node.is_reachable]
        calls = (entry for node in nodes for entry in self._ledger.calling(node.id).values())
        return [entry for entry in calls if not entry.has_replied and entry.attempt.fence not in self._marks]

    def _break_some_call(self, aim: Column) -> None:
        """Have the dispatcher give up an attempt that its node goes on with."""
        nodes = self._cluster.nodes
        calls = [call for call in self._open_calls() if call.attempt.fence in nodes[call.attempt.node_id].working]
        if calls and self._clock.now >= self._next_break:
            self._next_break = self._clock.now + 0.5
            self._break_call(self._rng.choice(calls), aim)

    def _break_call(self, entry: Entry, aim: Column | None) -> None:
        """The connection of a call ends, and the node goes on. After garbage, the task is delayed."""
        kind, fault = FailureKind.NODE_LOST, FaultKind.SLOT_LOST
        if aim is Column.DELAYED:
            kind, fault = FailureKind.PROTOCOL, FaultKind.GARBAGE
        broke = Broke(kind, "slot connection lost")
        self._clock.after(0.0, lambda: self._cluster.deliver(entry, broke, fault))

    def _strike_node(self, kind: FaultKind, node: SimNode) -> None:
        for entry in self._on(node):
            self._cluster.record(kind, entry)
        rng = self._rng
        match kind:
            case FaultKind.KILL:
                self.kill(node)
                if not self._may_stay_away(node) or rng.random() < 0.85:
                    self._revive_after(node, rng.uniform(0.5, 30.0))
                else:
                    node.is_gone = True
            case FaultKind.RESTART:
                node.die()
                notice = rng.choice(list(Notice))
                self._cluster.connection_over(node, notice, down_after_s=rng.uniform(0.0, 4.0))
                self._revive_after(node, rng.uniform(0.02, 2.0))
            case _:
                self._stall(node, rng.choice([rng.uniform(0.1, 3.0), rng.uniform(3.0, 25.0)]), kind)

    def kill(self, node: SimNode) -> None:
        node.die()
        self._cluster.connection_over(node, self._rng.choice(list(Notice)))

    def _may_stay_away(self, node: SimNode) -> bool:
        """Whether another node of its numeric class is left for good."""
        others = (other for other in self._cluster.nodes.values() if other is not node and not other.is_gone)
        return any(other.plan.numeric_class == node.plan.numeric_class for other in others)

    def _revive_after(self, node: SimNode, delay_s: float) -> None:
        def revive() -> None:
            if not node.is_gone:
                node.is_alive = True
                self._cluster.connect(node)

        self._clock.after(delay_s, revive)

    def _stall(self, node: SimNode, span_s: float, kind: FaultKind) -> None:
        life = node.life
        node.is_stalled = True

        def heal() -> None:
            if node.life != life:
                return
            node.go_on(lambda action: self._clock.after(self._rng.uniform(0.0, 0.01), action))
            if kind is FaultKind.PARTITION and self._rng.random() < 0.3:
                self._cluster.connection_over(node, self._rng.choice(list(Notice)))
            if not node.is_open:
                self._cluster.connect_soon(node)

        self._clock.after(span_s, heal)

    def _mark(self, fault: FaultPlan) -> bool:
        """Choose the call whose report the fault will strike; a lost connection strikes at once."""
        calls = [entry for entry in self._open_calls() if self._can_strike(fault, entry)]
        if not calls:
            return False
        entry = self._rng.choice(calls)
        if fault.kind is FaultKind.SLOT_LOST and fault.aim in (None, self.column(entry)):
            self._break_call(entry, fault.aim)
        else:
            self._marks[entry.attempt.fence] = fault
        return True

    def _reply(self, entry: Entry, outcome: Outcome) -> None:
        """A node reports; unless its call is marked, the report arrives soon."""
        entry.has_replied = True
        fault = self._marks.pop(entry.attempt.fence, None)
        if fault is None:
            self._clock.after(self._rng.uniform(0.0005, 0.005), lambda: self._cluster.arrive(entry, outcome))
            return
        changed = self._altered(fault.kind, outcome)
        if changed is not outcome:
            self._cluster.forget(entry)
        if fault.kind is FaultKind.DUPLICATE:
            self._clock.after(0.001, lambda: self._cluster.arrive(entry, outcome))
            for _ in range(self._rng.choice([1, 1, 2])):
                self._hold_back(fault, entry, outcome)
            return
        if fault.aim in GIVEN_UP:
            self._give_up(entry, fault.kind, fault.aim)
        self._hold_back(fault, entry, changed)

    def _altered(self, kind: FaultKind, outcome: Outcome) -> Outcome:
        match kind:
            case FaultKind.REJECT:
                return Declined(RejectReason.BUSY, "the coin said no")
            case FaultKind.GARBAGE:
                kinds = [FailureKind.PROTOCOL, FailureKind.BAD_UPDATE, FailureKind.DIVERGED]
                return Broke(self._rng.choices(kinds, [0.45, 0.45, 0.1])[0], "garbage")
            case FaultKind.SLOT_LOST | FaultKind.LOST_REPLY:
                return Broke(FailureKind.NODE_LOST, "no reply and the connection is over")
        return outcome

    def _give_up(self, entry: Entry, kind: FaultKind, aim: Column | None) -> None:
        """Have the dispatcher give up the attempt before its report arrives."""
        node = self._cluster.nodes[entry.attempt.node_id]
        if aim is not Column.DELAYED and (kind in _ENDS_PLACEMENT or self._rng.random() < 0.5):
            self._cluster.connection_over(node, Notice.DOWN_ONLY)
            self._cluster.connect_soon(node)
        else:
            self._break_call(entry, aim)

    def _hold_back(self, fault: FaultPlan, entry: Entry, outcome: Outcome) -> None:
        """Deliver the report in the state aimed at; without an aim, as late as its kind of fault makes it."""
        until = self._clock.now + _PATIENCE_S
        aim = fault.aim

        def is_due() -> bool:
            return self.column(entry) is aim

        if aim is None or (fault.kind is FaultKind.REORDER and aim not in GIVEN_UP):
            until, is_due = self._lateness(fault.kind)
        deliver = lambda: self._cluster.deliver(entry, outcome, fault.kind)  # noqa: E731
        self._held_back.append(_HeldBack(until, is_due, deliver))

    def _lateness(self, kind: FaultKind) -> tuple[float, Callable[[], bool]]:
        now, rng = self._clock.now, self._rng
        match kind:
            case FaultKind.DELAY | FaultKind.DUPLICATE:
                return now + rng.choice([rng.uniform(0.0, 0.5), rng.uniform(0.5, 20.0)]), lambda: False
            case FaultKind.REORDER:
                events = iter(range(rng.randint(1, 4)))
                return now + 5.0, lambda: next(events, None) is None
            case FaultKind.LOST_REPLY:
                return now + rng.uniform(0.05, 3.0), lambda: False
        return now + 0.001, lambda: False

    def _can_strike(self, fault: FaultPlan, entry: Entry) -> bool:
        """Whether the fault makes sense on the call, and can reach the state it aims at."""
        is_first_call = entry.phase is Phase.WORKING
        if fault.kind is FaultKind.DUPLICATE and fault.aim in ONLY_LARGE:
            return is_first_call and self._cluster.is_large(entry.task)
        if fault.aim is Column.FETCHING:
            return self.column(entry) is Column.FETCHING
        return is_first_call or not (fault.kind is FaultKind.REJECT or fault.aim is Column.PLACED)
