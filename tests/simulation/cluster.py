"""The simulated nodes at work, and their connections: what runtime and nodes do for real."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from enum import Enum, auto
from functools import partial
from random import Random

from coordinator.core.events import (
    Beat,
    Broke,
    Declined,
    Delivered,
    Event,
    Held,
    NodeDown,
    NodeUp,
    Outcome,
    Reported,
)
from coordinator.core.model import Attempt
from coordinator.core.workload import Surveyed, TaskSpec, Trained, TrainPayload
from rpc.errors import FailureKind, RejectReason
from rpc.messages import ShardSummary
from tests.simulation.clock import Clock
from tests.simulation.coverage import FaultKind
from tests.simulation.ledger import Entry, Ledger
from tests.simulation.nodes import SimNode
from tests.simulation.schedule import RunPlan, Schedule
from tests.simulation.vectors import Vectors

BEAT_S = 2.0
RESET = Broke(FailureKind.NODE_LOST, "connection reset")


class Notice(Enum):
    """How the coordinator learns that the connections of a node are over."""

    DOWN_FIRST = auto()
    BREAKS_FIRST = auto()
    DOWN_ONLY = auto()
    BREAKS_ONLY = auto()  # the lease, or the next hello of the node, tells the rest


class Cluster:
    """All nodes with their connections.

    `handle` takes an event to the dispatcher, `reply` is where faults alter reports, `record` counts strikes.
    """

    def __init__(self, schedule: Schedule, clock: Clock, ledger: Ledger, rng: Random) -> None:
        self.nodes = {plan.id: SimNode(plan) for plan in schedule.nodes}
        self.handle: Callable[[Event], None]
        self.reply: Callable[[Entry, Outcome], None]
        self.record: Callable[[FaultKind, Entry], None]
        self.vectors: Vectors | None = None  # of the coordinator, while there is one
        self._runs: dict[str, RunPlan] = {run.id: run for run in schedule.all_runs}
        self._declines = schedule.all_decline
        self._clock, self._ledger, self._rng = clock, ledger, rng
        self._arrivals = 0

    def decline_for_good(self) -> None:
        self._declines = (0.0, float("inf"))

    def connect(self, node: SimNode) -> None:
        """The node says hello on new connections."""
        if not node.is_alive or node.is_open or node.is_stalled or self.vectors is None:
            return
        node.session += 1
        node.is_open = True
        node.kept.clear()  # it fetches nothing that waited in an earlier session
        running = [self._ledger.entries[fence].task.id for fence in sorted(node.working)]
        self.handle(NodeUp(node.info(running), node.session))
        self._beat_later(node, node.session)

    def _beat_later(self, node: SimNode, session: int) -> None:
        def beat() -> None:
            if node.session != session or not node.is_open:
                return
            if not node.is_stalled:
                self.handle(Beat(node.id, session))
            self._beat_later(node, session)

        self._clock.after(BEAT_S, beat, is_background=True)

    def connect_soon(self, node: SimNode) -> None:
        self._clock.after(self._rng.uniform(0.05, 2.0), lambda: self.connect(node))

    def start(self, entry: Entry, memo: Container[int]) -> None:
        """Carry a task to its node, unless what comes of it is known."""
        task, run = entry.task, self._runs[entry.task.work_id]
        if isinstance(task.payload, TrainPayload):
            assert self.vectors is not None
            model = self.vectors.model(run.id, task.payload.round - 1)
            entry.value = run.delta(model, task.payload)
            if entry.value in memo and not task.payload.is_fresh:
                known = self._result(entry)._replace(is_known=True)
                self._clock.after(0.0, partial(self.deliver, entry, known))
                return
        self._send(entry, lambda node: self._begin(node, entry))

    def fetch(self, entry: Entry) -> None:
        """Bring a result that waits on its node."""
        self._send(entry, lambda node: self._hand_over(node, entry))

    def _send(self, entry: Entry, do: Callable[[SimNode], None]) -> None:
        node = self.nodes[entry.attempt.node_id]
        if node.is_open and node.session == entry.attempt.session:
            self._clock.after(self._latency(), node.guarded(lambda: do(node)))
        else:
            self.breaks([entry], 0.02)

    def _begin(self, node: SimNode, entry: Entry) -> None:
        if self._declines[0] <= self._clock.now < self._declines[1]:
            self.record(FaultKind.REJECT, entry)
            self.reply(entry, Declined(RejectReason.BUSY, "all decline"))
            return
        if self._clock.now < node.plan.sane_from:
            self.record(FaultKind.GARBAGE, entry)
            self.reply(entry, Broke(FailureKind.PROTOCOL, "garbage"))
            return
        self._drop_results(node, entry.task.work_id, up_to=entry.committed_round)
        if entry.task.id in node.results:
            self._answer(node, entry)
            return
        self._make_room(node)
        same = [fence for fence in node.working if self._ledger.entries[fence].task.id == entry.task.id]
        if same and same[0] > entry.attempt.fence:
            self.reply(entry, Broke(FailureKind.STALE, "a later attempt came first"))
            return
        node.working.add(entry.attempt.fence)
        if same:
            node.working.remove(same[0])
            node.goes_on_as[same[0]] = entry.attempt.fence
            return
        service_s = node.plan.task_s * self._rng.uniform(0.5, 1.5)
        self._clock.after(service_s, node.guarded(lambda: self._finish(node, entry)))

    def _make_room(self, node: SimNode) -> None:
        """End an attempt of an earlier session if its slot is needed."""
        orphans = [fence for fence in node.working if self._ledger.entries[fence].attempt.session != node.session]
        if orphans and len(node.working) >= node.plan.slots:
            node.working.remove(min(orphans))

    def _finish(self, node: SimNode, entry: Entry) -> None:
        fence = entry.attempt.fence
        while fence in node.goes_on_as:
            fence = node.goes_on_as.pop(fence)
        if fence not in node.working:
            return  # stopped
        node.working.remove(fence)
        self._answer(node, self._ledger.entries[fence])

    def _answer(self, node: SimNode, entry: Entry) -> None:
        """Report a result, and keep it."""
        fence = entry.attempt.fence
        if entry.task.kind == "train" and fence not in node.refused and entry.task.work_id not in node.over:
            node.results[entry.task.id] = fence
        if self.is_large(entry.task):
            node.kept.add(fence)
            self.reply(entry, Held())
        else:
            self.reply(entry, self._result(entry))

    def is_large(self, task: TaskSpec) -> bool:
        """Whether the result of the task waits on its node until it is fetched."""
        return task.kind == "train" and self._runs[task.work_id].large

    def _hand_over(self, node: SimNode, entry: Entry) -> None:
        if entry.attempt.fence in node.kept:
            node.kept.remove(entry.attempt.fence)
            transfer_s = self._rng.uniform(0.01, 0.5)
            self._clock.after(transfer_s, node.guarded(lambda: self.reply(entry, self._result(entry))))
        else:
            self.reply(entry, Broke(FailureKind.MISSING_BLOB, "no such result here"))

    def _result(self, entry: Entry) -> Delivered:
        if entry.task.kind == "train":
            # Half of the value: a digest on the wire is a signed number.
            return Delivered("", Trained(1.0, 1, digest=entry.value >> 1, node=entry.attempt.node_id))
        rows = self._runs[entry.task.work_id].rows[entry.task.order[1]]
        return Delivered("", Surveyed(ShardSummary(entry.attempt.id, entry.attempt.fence, rows, 4, 3)))

    def stop(self, attempt: Attempt) -> None:
        """Tell the node that the attempt is not wanted; it may have reported, or finish all the same."""
        node, entry = self.nodes[attempt.node_id], self._ledger.entries[attempt.fence]
        if not node.is_open:
            return

        def forget() -> None:
            node.refused.add(attempt.fence)
            if node.results.get(attempt.task_id) == attempt.fence:
                del node.results[attempt.task_id]
            if not entry.is_calling:
                node.kept.discard(attempt.fence)
            if attempt.fence in node.working and self._rng.random() < 0.6:
                node.working.remove(attempt.fence)
                self.reply(entry, Broke(FailureKind.CANCELLED, "stopped"))

        self._clock.after(self._rng.choice([0.002, 3.0]) * self._rng.random(), node.guarded(forget))

    def clear(self, node: SimNode, work_id: str) -> None:
        """Tell the node that the work is over: it drops the results, and ends what nobody waits for."""

        def forget() -> None:
            node.over.add(work_id)
            self._drop_results(node, work_id)
            entries = [self._ledger.entries[fence] for fence in node.working]
            orphans = [entry for entry in entries if entry.task.work_id == work_id and not entry.is_calling]
            node.working.difference_update(entry.attempt.fence for entry in orphans)

        if node.is_open:
            self._clock.after(self._latency(), node.guarded(forget))

    def _drop_results(self, node: SimNode, work_id: str, up_to: int | None = None) -> None:
        """Drop what the node keeps of a work, or of its rounds up to one."""
        for task_id, fence in list(node.results.items()):
            task = self._ledger.entries[fence].task
            if task.work_id == work_id and (up_to is None or task.order[0] <= up_to):
                del node.results[task_id]

    def breaks(self, entries: Iterable[Entry], within_s: float) -> None:
        """The connections of these attempts are found to be over."""
        for entry in entries:
            self._clock.after(self._rng.uniform(0.0, within_s), partial(self.arrive, entry, RESET))

    def connection_over(self, node: SimNode, notice: Notice, *, down_after_s: float = 0.0) -> None:
        """All connections of the node end; the coordinator hears of it as `notice` says."""
        if not node.is_open:
            return
        node.is_open = False
        session, entries = node.session, list(self._ledger.calling(node.id).values())

        def down() -> None:
            self.handle(NodeDown(node.id, session, "connection reset"))
            if notice is Notice.DOWN_FIRST:
                for entry in entries:
                    late_break = partial(self.deliver, entry, RESET, FaultKind.REORDER)
                    self._clock.after(self._rng.uniform(0.0, 2.0), late_break)

        if notice in (Notice.BREAKS_FIRST, Notice.BREAKS_ONLY):
            self.breaks(entries, 0.01)
        if notice is not Notice.BREAKS_ONLY:
            self._clock.after(0.01 + down_after_s, down)

    def lose_the_coordinator(self) -> None:
        """It was killed: its side of every connection is closed, and nodes go on for a while."""
        self.vectors = None
        for node in self.nodes.values():
            node.is_open = False

    def find_the_coordinator(self, vectors: Vectors) -> None:
        """It is there again."""
        self.vectors = vectors
        for node in self.nodes.values():
            self.connect_soon(node)

    def disconnect(self, node: SimNode, session: int) -> None:
        """The coordinator closes its side; a node that can notice comes back."""
        if node.session != session:
            return
        node.is_open = False
        if self._rng.random() < 0.5:
            self._clock.after(0.01, lambda: self.handle(NodeDown(node.id, session, "closed")))
        if node.is_alive and not node.is_stalled:
            self.connect_soon(node)

    def arrive(self, entry: Entry, outcome: Outcome) -> None:
        """A report reaches the coordinator; on a connection that is over every other one was read before."""
        if not entry.is_of_the_dead and (entry.is_calling or self._rng.random() < 0.5):
            self.deliver(entry, outcome)
        else:
            self.forget(entry)

    def forget(self, entry: Entry) -> None:
        """The node finds the connection of an attempt closed: nobody will ask for its result."""
        self.nodes[entry.attempt.node_id].kept.discard(entry.attempt.fence)

    def deliver(self, entry: Entry, outcome: Outcome, fault: FaultKind | None = None) -> None:
        if entry.is_of_the_dead or self.vectors is None:
            self.forget(entry)
            return
        if fault is not None:
            self.record(fault, entry)
        if isinstance(outcome, Delivered) and entry.task.kind == "train":
            self._arrivals += 1
            outcome = outcome._replace(holder=f"{entry.attempt.id}@{self._arrivals}")
            self.vectors.put(entry.task.work_id, outcome.holder, entry.value)
        self.handle(Reported(entry.attempt, outcome))

    def _latency(self) -> float:
        return self._rng.uniform(0.0005, 0.005)
