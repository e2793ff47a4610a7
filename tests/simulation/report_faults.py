"""What befalls the reports of attempts: late, doubled, overtaken, replaced or lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from coordinator.core.events import Broke, Declined, Outcome
from rpc.errors import FailureKind, RejectReason
from tests.simulation.clock import Action, Clock
from tests.simulation.cluster import RESET, Cluster, Notice
from tests.simulation.coverage import GIVEN_UP, Column, FaultKind
from tests.simulation.ledger import Entry
from tests.simulation.schedule import FaultPlan

_PATIENCE_S = 20.0  # how long a report is held back for the state that its fault aims at
_GARBAGE = Broke(FailureKind.PROTOCOL, "garbage")
_NOT_A_REPORT = (FaultKind.SLOT_LOST, FaultKind.LOST_REPLY)


@dataclass(slots=True, eq=False)
class _HeldBack:
    """A report that is delivered once `is_due`, or at `until`."""

    until: float
    is_due: Callable[[], bool]
    deliver: Action


class ReportFaults:
    """Stands between the replies of nodes and their arrival. `column` tells the state of an attempt."""

    def __init__(self, cluster: Cluster, clock: Clock, rng: Random, column: Callable[[Entry], Column]) -> None:
        self.marks: dict[int, FaultPlan] = {}  # by fence: what will happen to the report of an open call
        self._held_back: list[_HeldBack] = []
        self._cluster, self._clock, self._rng, self._column = cluster, clock, rng, column
        cluster.reply = self._reply

    @property
    def is_idle(self) -> bool:
        """Whether no report is held back."""
        return not self._held_back

    def let_go(self) -> None:
        """Deliver what was held back long enough."""
        now = self._clock.now
        due = [held for held in self._held_back if held.is_due() or now >= held.until]
        for held in due:
            self._held_back.remove(held)
            self._clock.after(0.0, held.deliver)

    def strike(self, fault: FaultPlan, entry: Entry) -> None:
        """Mark the call for its reply; only a lost connection strikes at once, if the state is right."""
        if fault.kind is FaultKind.SLOT_LOST and fault.aim in (None, self._column(entry)):
            self.break_call(entry, fault.aim)
        else:
            self.marks[entry.attempt.fence] = fault

    def break_call(self, entry: Entry, aim: Column | None) -> None:
        """The connection of a call ends, and the node goes on; after garbage, the task is delayed."""
        outcome, fault = RESET, FaultKind.SLOT_LOST
        if aim is Column.DELAYED:
            outcome, fault = _GARBAGE, FaultKind.GARBAGE
        self._clock.after(0.0, partial(self._cluster.deliver, entry, outcome, fault))

    def _reply(self, entry: Entry, outcome: Outcome) -> None:
        """A node reports; unless its call is marked, the report arrives soon."""
        entry.has_replied = True
        fault = self.marks.pop(entry.attempt.fence, None)
        changed = self._altered(fault, outcome)
        if changed is not outcome:
            self._cluster.forget(entry)
        if fault is None or fault.kind is FaultKind.DUPLICATE:
            self._clock.after(self._rng.uniform(0.0005, 0.005), partial(self._cluster.arrive, entry, changed))
        elif fault.aim in GIVEN_UP:
            self._give_up(entry, fault)
        if fault is not None:
            copies = self._rng.choice([1, 1, 2]) if fault.kind is FaultKind.DUPLICATE else 1
            for _ in range(copies):
                self._hold_back(fault, entry, changed)

    def _altered(self, fault: FaultPlan | None, outcome: Outcome) -> Outcome:
        """What the node reports in place of the outcome."""
        match fault.kind if fault is not None else None:
            case FaultKind.REJECT:
                return Declined(RejectReason.BUSY, "the coin said no")
            case FaultKind.GARBAGE:
                kinds = [FailureKind.PROTOCOL, FailureKind.BAD_UPDATE, FailureKind.DIVERGED]
                return Broke(self._rng.choices(kinds, [0.45, 0.45, 0.1])[0], "garbage")
            case FaultKind.SLOT_LOST | FaultKind.LOST_REPLY:
                return RESET
            case FaultKind.DUPLICATE if fault is not None and fault.aim is Column.DELAYED:
                return _GARBAGE  # the task is delayed from the first copy on
        return outcome

    def _give_up(self, entry: Entry, fault: FaultPlan) -> None:
        """Have the dispatcher give up the attempt before its report arrives."""
        is_node_lost = fault.kind in _NOT_A_REPORT or self._rng.random() < 0.5
        if fault.aim is Column.DELAYED or not is_node_lost:
            self.break_call(entry, fault.aim)
        else:
            node = self._cluster.nodes[entry.attempt.node_id]
            self._cluster.connection_over(node, Notice.DOWN_ONLY)
            self._cluster.connect_soon(node)

    def _hold_back(self, fault: FaultPlan, entry: Entry, outcome: Outcome) -> None:
        """Deliver the report in the state aimed at; without an aim, as late as its kind of fault makes it."""

        def is_aimed_at() -> bool:
            return self._column(entry) is fault.aim

        until, is_due = self._clock.now + _PATIENCE_S, is_aimed_at
        if fault.aim is None or (fault.kind is FaultKind.REORDER and fault.aim not in GIVEN_UP):
            until, is_due = self._lateness(fault.kind)
        deliver = partial(self._cluster.deliver, entry, outcome, fault.kind)
        self._held_back.append(_HeldBack(until, is_due, deliver))

    def _lateness(self, kind: FaultKind) -> tuple[float, Callable[[], bool]]:
        """Until when a report of this kind is held back, and what lets it go before."""
        now, rng = self._clock.now, self._rng
        match kind:
            case FaultKind.DELAY | FaultKind.DUPLICATE:
                return now + rng.uniform(0.0, rng.choice([0.5, 20.0])), _never
            case FaultKind.REORDER:
                overtaking = iter(range(rng.randint(1, 4)))
                return now + 5.0, lambda: next(overtaking, None) is None
            case FaultKind.LOST_REPLY:
                return now + rng.uniform(0.05, 3.0), _never
        return now, _never


def _never() -> bool:
    return False
