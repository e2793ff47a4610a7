"""One simulated schedule: virtual time, the shipped dispatcher, and every command checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from math import inf
from random import Random

from coordinator.core import jobs
from coordinator.core.events import (
    Beat,
    CancelAsked,
    Clear,
    Command,
    Compute,
    Computed,
    Delivered,
    Disconnect,
    Drop,
    Event,
    Fetch,
    NodeDown,
    NodeOrder,
    NodeUp,
    Note,
    Ordered,
    Outcome,
    Release,
    Reported,
    Start,
    Stop,
    Submitted,
    Tick,
)
from coordinator.core.model import TaskState
from tests.simulation.checks import Checks
from tests.simulation.clients import Clients
from tests.simulation.clock import Clock
from tests.simulation.cluster import Cluster
from tests.simulation.coordinator import SimCoordinator
from tests.simulation.coverage import Column, FaultKind, Strikes
from tests.simulation.crashes import Crashes
from tests.simulation.faults import Faults
from tests.simulation.flaw import Flaw
from tests.simulation.ledger import Entry, Ledger
from tests.simulation.schedule import CrashAt, Doom, DrainPlan, Schedule
from tests.simulation.store import SimStore

MAX_EVENTS = 200_000
_DRAIN_S = 120.0

Trace = Callable[[str], None]


class Simulation:
    """Runs a schedule to its end; raises Flaw when the coordinator breaks a promise."""

    def __init__(self, schedule: Schedule, trace: Trace | None = None) -> None:
        rng = Random(schedule.name)
        self.schedule = schedule
        self.strikes: Strikes = Strikes()
        self.events = 0
        self.clock = Clock()
        limits = {run.id: (run.spec.max_attempts, run.spec.max_node_losses) for run in schedule.all_runs}
        self.ledger = Ledger(limits, {run.id: run.spec.max_nodes for run in schedule.all_runs})
        self.store = SimStore(self.clock, schedule.outages)
        self.cluster = Cluster(schedule, self.clock, self.ledger, rng)
        self.cluster.handle, self.cluster.record = self.handle, self._record
        self.faults = Faults(self.cluster, self.ledger, self.clock, rng, self.column)
        self.checks = Checks(schedule, self.ledger, self.store)
        self.clients = Clients(schedule, self.clock, self.store, self.handle)
        self.crashes = Crashes(schedule, self.clock, self._crash)
        self._coordinator: SimCoordinator | None = None
        self._starts = 0
        self._rng = rng
        self._damage = Random(f"{schedule.name}/damage")  # of stored models, while the coordinator is away
        self._trace = trace

    @property
    def outcomes(self) -> list[str]:
        """How the runs ended."""
        work = [self.store.rows[run.id].work for run in self.schedule.runs]
        return [each.failure.code if each.failure else each.state.value for each in work]

    @property
    def crashed(self) -> Counter[CrashAt]:
        """Where the coordinator was killed, and how often."""
        return self.crashes.strikes

    def run(self) -> None:
        self._start()
        for node in self.cluster.nodes.values():
            self.clock.after(node.plan.joins_at, partial(self.cluster.connect, node))
        for fault in self.schedule.faults:
            self.faults.plan(fault)
        for drain in self.schedule.drains:
            self._plan_drain(drain)
        if self.schedule.doom is not Doom.NONE:
            self.clock.after(self.schedule.doom_at, self._doom, is_background=True)
        while not self.clients.are_done:
            self._step()
            if self._coordinator is not None:
                self.checks.overdue(self.clock.now)
        self._drain()
        nodes = [node for node in self.cluster.nodes.values() if node.is_open]
        self.checks.at_rest([f"{node.id}: {what}" for node in nodes for what in (*sorted(node.kept), *node.results)])

    def _start(self) -> None:
        """The coordinator starts, for the first time or after it was killed."""
        coordinator = self._coordinator = SimCoordinator(
            self.schedule, self.clock, self.store,
            number=self._starts, handle=self.handle, may_go_on=self.crashes.may_go_on, told=self.clients.told,
        )  # fmt: skip
        if self._starts and self._damage.random() < 0.5:
            self.store.damage(self._damage)
        self._starts += 1
        self.checks.begin(coordinator, self.clock.now)
        drains = [Ordered(node_id, NodeOrder.DRAIN) for node_id in sorted(self.checks.drained)]
        events: list[Event] = [*coordinator.resume(), *drains]
        for event in events:
            self.handle(event)
        if self._coordinator is coordinator:
            self.clients.find_the_coordinator(coordinator)
        if self._coordinator is coordinator:  # not killed again by now
            self.cluster.find_the_coordinator(coordinator.vectors)

    def _crash(self, down_s: float) -> bool:
        """Kill the coordinator, if there is one; it is started again a while later."""
        if self._coordinator is None:
            return False
        if self._trace is not None:
            self._trace(f"{self.clock.now:10.4f}  !! the coordinator is killed")
        self._coordinator.loop.is_alive = False
        self._coordinator = None
        self.ledger.coordinator_died(self.store.holds)
        self.clients.lose_the_coordinator()
        self.cluster.lose_the_coordinator()
        self.clock.after(down_s, self._start)
        return True

    def _drain(self) -> None:
        """Let what is still under way come in."""
        self.faults.stop()
        self.crashes.stop()
        until = self.clock.now + _DRAIN_S
        while self.clock.pending or not self.faults.on_reports.is_idle:
            self._step()
            if self.clock.now > until:
                raise Flaw(f"not at rest {_DRAIN_S:g} s after the last run ended")

    def _step(self) -> None:
        wake_at = self._coordinator.dispatcher.wake_at() if self._coordinator is not None else inf
        if wake_at <= self.clock.next_at:
            self.clock.now = max(self.clock.now, wake_at)
            self.handle(Tick())
        else:
            self.clock.step()

    def _plan_drain(self, plan: DrainPlan) -> None:
        def order(order: NodeOrder) -> None:
            self.checks.ordered(plan.node, order)
            self.handle(Ordered(plan.node, order))

        self.clock.after(plan.at, partial(order, NodeOrder.DRAIN), is_background=True)
        self.clock.after(plan.until, partial(order, NodeOrder.RESUME), is_background=True)

    def _doom(self) -> None:
        if self.schedule.doom is Doom.DECLINE:
            self.cluster.decline_for_good()
            return
        for node in self.cluster.nodes.values():
            node.is_gone = True
            self.faults.on_nodes.kill(node)

    def handle(self, event: Event) -> None:
        """Take an event to the dispatcher, and carry out what it wants; nobody is there while it is down."""
        coordinator = self._coordinator
        if coordinator is None:
            return
        self.events += 1
        if self.events > MAX_EVENTS:
            raise Flaw(f"more than {MAX_EVENTS} events")
        awaited = self._observe(event)
        commands = coordinator.dispatcher.handle(event, self.clock.now)
        if self._trace is not None:
            self._show(event, commands)
        self.checks.answer(event, awaited, commands, self.clock.now)
        for command in commands:
            self._carry_out(command, coordinator)
            if not self.crashes.may_go_on(CrashAt.COMMANDS):
                return
        self.checks.agree(self.clock.now)
        self.faults.poll()

    def _observe(self, event: Event) -> bool:
        """Note the facts that the event brings; whether it is a report that must be taken in."""
        match event:
            case Reported(attempt, outcome):
                entry = self.ledger.entries[attempt.fence]
                awaited = self.ledger.is_awaited(entry, outcome)
                self.ledger.answered(entry, outcome)
                if awaited:
                    self.ledger.reported(entry, outcome)
                    self._keep(entry, outcome)
                return awaited
            case NodeUp(info, session):
                self.ledger.connected(info.id, session, info.slots)
                self.checks.heard(info.id, self.clock.now)
            case NodeDown(node_id, session):
                self.ledger.session_over(node_id, session)
            case Beat(node_id):
                self.checks.heard(node_id, self.clock.now)
            case CancelAsked(work_id):
                self.checks.cancel_asked(work_id)
            case Submitted(workload):
                self.checks.submitted(workload)
        return False

    def _keep(self, entry: Entry, outcome: Outcome) -> None:
        """The update of a shard need not be computed again, unless it is a large one."""
        is_small = entry.task.kind == "train" and not self.cluster.is_large(entry.task)
        if isinstance(outcome, Delivered) and is_small and self._coordinator is not None:
            self._coordinator.memo.add(entry.value)

    def _carry_out(self, command: Command, coordinator: SimCoordinator) -> None:
        match command:
            case Start(attempt, task):
                self.checks.placed(attempt, self.clock.now)
                entry = self.ledger.started(attempt, task)
                entry.committed_round = coordinator.run(task.work_id).kept
                self.cluster.start(entry, coordinator.memo)
            case Fetch(attempt):
                self.cluster.fetch(self.ledger.fetching(attempt))
                self.checks.fetching(attempt)
            case Stop(attempt):
                self.ledger.stopped(attempt)
                self.cluster.stop(attempt)
            case Drop(holder):
                coordinator.vectors.drop(holder)
            case Compute(jobs.KeepPlan(run)):
                coordinator.surveyed(run)
            case Compute(jobs.Keep(run, number) as job):
                coordinator.keep(run, number, lambda: self.handle(Computed(job, jobs.Done())))
            case Compute(jobs.GoBack(run, number)):
                self.ledger.went_back(run, number)
                coordinator.went_back(run)
            case Compute(job):
                self._compute(job, coordinator)
            case Disconnect(node_id, session):
                self.checks.disconnected(node_id, self.clock.now)
                self.ledger.session_over(node_id, session)
                self.cluster.disconnect(self.cluster.nodes[node_id], session)
            case Clear(node_id, _, work_id):
                self.cluster.clear(self.cluster.nodes[node_id], work_id)
            case Release(work_id):
                self.checks.ended(work_id, self.clock.now)
                coordinator.vectors.release(work_id)
                for node in self.cluster.nodes.values():
                    self.cluster.clear(node, work_id)
            case Note():
                coordinator.note(command)

    def _compute(self, job: jobs.Job, coordinator: SimCoordinator) -> None:
        if isinstance(job, jobs.Discard):
            coordinator.vectors.compute(job)
            return

        def finish() -> None:
            if coordinator is self._coordinator and coordinator.vectors.is_open(job.run):
                self.handle(Computed(job, coordinator.vectors.compute(job)))

        slow = self._rng.random() < 0.1
        self.clock.after(self._rng.uniform(0.001, 2.0 if slow else 0.02), finish)

    def column(self, entry: Entry) -> Column:
        """The state of an attempt."""
        work = self._coordinator.dispatcher.work.get(entry.task.work_id) if self._coordinator is not None else None
        task = work.tasks.get(entry.task.id) if work is not None else None
        if task is None:
            return Column.DONE if entry.task.id in self.ledger.done else Column.DROPPED
        is_waiting = task.state in (TaskState.READY, TaskState.DELAYED)
        if is_waiting or entry.attempt.fence in self.ledger.live:
            return Column(task.state.value)
        return Column.MOVED

    def _record(self, kind: FaultKind, entry: Entry) -> None:
        column = self.column(entry)
        self.strikes[kind, column] += 1
        if self._trace is not None:
            self._trace(f"{self.clock.now:10.4f}  !! {kind} strikes {entry.attempt.id} ({column})")

    def _show(self, event: Event, commands: list[Command]) -> None:
        assert self._trace is not None
        shown = f"Submitted({event.workload.id})" if isinstance(event, Submitted) else str(event)
        self._trace(f"{self.clock.now:10.4f} {shown}")
        for command in commands:
            self._trace(f"{'':11}-> {command}")
