"""Finds victims for the faults of a schedule, in the state that a fault aims at."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.clock import Clock
from tests.simulation.cluster import Cluster
from tests.simulation.coverage import GIVEN_UP, NODE_FAULTS, ONLY_LARGE, Column, FaultKind
from tests.simulation.ledger import Entry, Ledger, Phase
from tests.simulation.node_faults import NodeFaults
from tests.simulation.nodes import SimNode
from tests.simulation.report_faults import ReportFaults
from tests.simulation.schedule import FaultPlan

_VICTIM_S = 6.0  # how long a fault waits for a victim
_BETWEEN_BREAKS_S = 0.5


class Faults:
    """Planned faults strike as victims turn up; `poll` is called after every event."""

    def __init__(
        self, cluster: Cluster, ledger: Ledger, clock: Clock, rng: Random, column: Callable[[Entry], Column]
    ) -> None:  # fmt: skip
        self.on_nodes = NodeFaults(cluster, clock, rng)
        self.on_reports = ReportFaults(cluster, clock, rng, column)
        self._cluster, self._ledger, self._clock, self._rng, self._column = cluster, ledger, clock, rng, column
        self._waiting: list[tuple[float, FaultPlan]] = []  # for a victim, with the time they give up
        self._next_break = 0.0

    def plan(self, fault: FaultPlan) -> None:
        def begin() -> None:
            self._waiting.append((self._clock.now + _VICTIM_S, fault))

        self._clock.after(fault.at, begin, is_background=True)

    def stop(self) -> None:
        """No new strikes."""
        self._waiting.clear()
        self.on_reports.marks.clear()

    def poll(self) -> None:
        """Strike if there is a victim; let go the reports that were held back long enough."""
        if self._waiting:
            until, fault = self._waiting[0]
            if self._strike(fault) or self._clock.now > until:
                self._waiting.pop(0)
        self.on_reports.let_go()

    def _strike(self, fault: FaultPlan) -> bool:
        """Strike a victim; False if there is none."""
        if fault.kind in NODE_FAULTS:
            return self._strike_node(fault)
        calls = [entry for entry in self._open_calls() if self._can_strike(fault, entry)]
        if calls:
            self.on_reports.strike(fault, self._rng.choice(calls))
        return bool(calls)

    def _strike_node(self, fault: FaultPlan) -> bool:
        nodes = self._reachable()
        if fault.aim is not None:
            nodes = [node for node in nodes if fault.aim in map(self._column, self._on(node))]
        if nodes:
            node = self._rng.choice(nodes)
            for entry in self._on(node):
                self._cluster.record(fault.kind, entry)
            self.on_nodes.strike(fault.kind, node)
        elif fault.aim in GIVEN_UP:
            self._make_victim(fault.aim)
        return bool(nodes)

    def _make_victim(self, aim: Column) -> None:
        """Have the dispatcher give up an attempt that its node goes on with, unless there are such attempts."""
        on_nodes = [entry for node in self._reachable() for entry in self._on(node)]
        if self._clock.now < self._next_break or any(self._column(entry) in GIVEN_UP for entry in on_nodes):
            return
        nodes = self._cluster.nodes
        calls = [call for call in self._open_calls() if call.attempt.fence in nodes[call.attempt.node_id].working]
        if calls:
            self._next_break = self._clock.now + _BETWEEN_BREAKS_S
            self.on_reports.break_call(self._rng.choice(calls), aim)

    def _reachable(self) -> list[SimNode]:
        return [node for node in self._cluster.nodes.values() if node.is_reachable]

    def _on(self, node: SimNode) -> list[Entry]:
        """All attempts that the node or the dispatcher thinks are on the node."""
        fences = dict.fromkeys([*sorted(node.working), *sorted(node.kept), *self._ledger.calling(node.id)])
        return [self._ledger.entries[fence] for fence in fences]

    def _open_calls(self) -> list[Entry]:
        """The calls whose report a fault may still strike."""
        calls = (entry for node in self._reachable() for entry in self._ledger.calling(node.id).values())
        marks = self.on_reports.marks
        return [entry for entry in calls if not entry.has_replied and entry.attempt.fence not in marks]

    def _can_strike(self, fault: FaultPlan, entry: Entry) -> bool:
        """Whether the fault makes sense on the call, and can reach the state it aims at."""
        is_first_call = entry.phase is Phase.WORKING
        if fault.kind is FaultKind.DUPLICATE and fault.aim in ONLY_LARGE:
            return is_first_call and self._cluster.is_large(entry.task)
        if fault.aim is Column.FETCHING:
            return self._column(entry) is Column.FETCHING
        return is_first_call or not (fault.kind is FaultKind.REJECT or fault.aim is Column.PLACED)
