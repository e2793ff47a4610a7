"""One simulated schedule of script jobs beside a training run: the shipped core, and every promise checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import (
    Accepted,
    Broke,
    CancelAsked,
    Clear,
    Command,
    Delivered,
    Disconnect,
    Event,
    Release,
    Remembered,
    Start,
    Stop,
    StoreChanged,
    Submitted,
    Tick,
)
from coordinator.core.model import Attempt
from coordinator.core.policies import LoadBalancing
from coordinator.core.settings import Settings
from coordinator.core.verdicts import failures_of
from coordinator.core.workload import Trained
from rpc.errors import FailureKind
from tests.simulation import job_ends
from tests.simulation.clock import Action, Clock
from tests.simulation.coverage import Strikes
from tests.simulation.flaw import Flaw
from tests.simulation.job_ends import Row, submission
from tests.simulation.job_nodes import Copy, JobNode, JobNodes
from tests.simulation.job_schedule import LEASE_S, JobPlan, JobSchedule
from tests.simulation.job_wires import JobWires
from tests.simulation.job_work import JobWork
from tests.simulation.rounds import Rounds
from tests.simulation.schedule import CrashAt

Trace = Callable[[str], None]

_HORIZON_S = 20_000.0
_CANCEL_S = 31.0  # from the request to the end, whatever happens: grace, and what its node has to tell it


class JobSimulation:
    """Runs a schedule to its end; raises Flaw when the coordinator breaks a promise."""

    def __init__(self, schedule: JobSchedule, trace: Trace | None = None) -> None:
        self.schedule = schedule
        self.strikes: Strikes = Strikes()
        self.crashed: Counter[CrashAt] = Counter()
        self.events = 0
        self.clock = Clock()
        self.rows: dict[str, Row] = {}
        self.rounds_done = 0
        self._nodes = JobNodes(schedule.nodes, self.clock, self._over)
        self._rng = Random(schedule.name)
        self._wires = JobWires(self._nodes, self.clock, self._rng, handle=self.handle, bound_to=self._bound_to)
        self._trace = trace
        self._dispatcher: Dispatcher | None = None
        self._starts = 0
        self._fence = 0
        self._work = JobWork(self._nodes, self._wires, self.clock, self._rng, over=self._over, accepted=self._accepted)
        self._cancelled: dict[str, float] = {}  # by job: when this start of the coordinator was asked
        self._cancelling: set[str] = set()
        self._committed_at = 0.0

    @property
    def outcomes(self) -> list[str]:
        return [f"job {row.state.value}" for row in self.rows.values() if row.state is not None]

    def run(self) -> None:
        self._start()
        for plan in self.schedule.jobs:
            self.clock.after(plan.submit_at, partial(self._submit, plan))
            if plan.cancel_at is not None:
                self.clock.after(plan.cancel_at, partial(self._cancel, plan.id))
        for fault in self.schedule.faults:
            self.clock.after(fault.at, partial(self._wires.strike, fault))
        for at, down_s in self.schedule.crashes:
            self.clock.after(at, partial(self._crash, down_s))
        for at, span_s in self.schedule.outages:
            self.clock.after(at, lambda: self.handle(StoreChanged("disk full")))
            self.clock.after(at + span_s, lambda: self.handle(StoreChanged("")))
        while not self._is_done() or self.clock.pending:
            if self.clock.now > _HORIZON_S:
                raise Flaw(f"not over: {[job for job, row in self.rows.items() if row.state is None]}")
            self._step()
        self._check_at_rest()

    def _is_done(self) -> bool:
        are_over = len(self.rows) == len(self.schedule.jobs) and all(row.state for row in self.rows.values())
        return are_over and self.rounds_done >= self.schedule.rounds and self._dispatcher is not None

    def _step(self) -> None:
        wake_at = self._dispatcher.wake_at() if self._dispatcher is not None else float("inf")
        if wake_at <= self.clock.next_at:
            self.clock.now = max(self.clock.now, wake_at)
            self.handle(Tick())
        else:
            self.clock.step()

    def _start(self) -> None:
        """The coordinator starts, for the first time or after it was killed."""
        settings = Settings(
            last_fence=self._fence, kept_work=self.schedule.kept_work, max_running_per_owner=self.schedule.most,
            preempts=self.schedule.preempts,
        )  # fmt: skip
        self._dispatcher = Dispatcher(LoadBalancing(), Random(f"{self.schedule.name}/{self._starts}"), settings)
        self._starts += 1
        if self.rounds_done < self.schedule.rounds:
            left = self.schedule.rounds - self.rounds_done
            self.handle(Submitted(Rounds(left, self.schedule.shards, self._round_done)))
        for job, row in self.rows.items():
            if row.state is None:
                self.handle(self._submission(row))
                if job in self._cancelling:
                    self._ask(job)
        self._wires.find_the_coordinator()

    def _crash(self, down_s: float) -> None:
        if self._dispatcher is None:
            return
        self._dispatcher = None
        self.crashed[CrashAt.ANYWHERE] += 1
        self._nodes.unheard.update(job for job, row in self.rows.items() if row.node and not row.has_begun)
        self._cancelled.clear()
        self._wires.lose_the_coordinator()
        self.clock.after(down_s, self._start)

    def _submit(self, plan: JobPlan) -> None:
        row = self.rows[plan.id] = Row(plan)
        if self._dispatcher is not None:
            self.handle(self._submission(row))

    def _submission(self, row: Row) -> Submitted:
        return submission(row, self.rows)

    def _bound_to(self, node_id: str) -> set[str]:
        return {job for job, row in self.rows.items() if row.node == node_id}

    def _round_done(self) -> None:
        self.rounds_done += 1

    def _cancel(self, job: str) -> None:
        self._cancelling.add(job)
        self._ask(job)

    def _ask(self, job: str) -> None:
        row = self.rows[job]
        if self._dispatcher is not None and row.state is None:
            self._cancelled.setdefault(job, self.clock.now)
            self.handle(CancelAsked(job, "enough"))
            job_ends.check_patience(row.plan, self.rows, goes_on=job in self._dispatcher.open)

    def handle(self, event: Event) -> None:
        """Take an event to the dispatcher, and carry out what it wants."""
        dispatcher = self._dispatcher
        if dispatcher is None:
            return
        self.events += 1
        if self.events > 200_000:
            raise Flaw("more than 200000 events")
        commands = dispatcher.handle(event, self.clock.now)
        if self._trace is not None:
            self._trace(f"{self.clock.now:10.4f} {event if not isinstance(event, Submitted) else event.workload.id}")
            for command in commands:
                self._trace(f"{'':11}-> {command}")
        for command in commands:
            self._carry_out(command)
        job_ends.check_owners(dispatcher.running.values(), self.schedule.most)
        for job in dispatcher.running:
            if job in self.rows and not self._nodes.begun[job]:
                raise Flaw(f"{job} is said to run, and no node has taken it")
        for job, at in self._cancelled.items():
            if job in dispatcher.open and self.clock.now > at + _CANCEL_S:
                raise Flaw(f"{job} goes on {self.clock.now - at:.0f} s after it was cancelled")

    def _carry_out(self, command: Command) -> None:
        match command:
            case Start(attempt, task):
                self._fence = attempt.fence
                self._wires.calls[attempt.fence] = attempt
                if task.kind == "script":
                    self._place(attempt, task.work_id)
                else:
                    done = partial(self._wires.reply, attempt, Delivered("", Trained(1.0, 1)))
                    self._wires.send(attempt, lambda node: self.clock.after(self._rng.uniform(0.05, 0.5), done))
            case Stop(attempt, grace_s, preempts):
                if preempts:
                    self._preempt(attempt)
                else:
                    self._work.unwanted.add(attempt.id)
                self._wires.send(attempt, partial(self._work.stop, attempt, grace_s, preempts=preempts))
            case Disconnect(node_id, session):
                self._wires.hang_up(self._nodes.by_id[node_id], session)
            case Clear(node_id, session, work_id):
                node = self._nodes.by_id[node_id]
                self._wires.call(node, session, lambda: self._nodes.forget(node, work_id))
            case Release(work_id) if work_id in self.rows:
                self._end(work_id)

    def _place(self, attempt: Attempt, job: str) -> None:
        """The node gets the job once that is committed."""
        row = self.rows[job]
        if job in self._cancelled:
            raise Flaw(f"{attempt.id} begins although {job} was cancelled")
        job_ends.check_turn(row.plan, self.rows)
        failures, node = self._failures(job), self._nodes.by_id[attempt.node_id]
        was_away = not node.is_open or node.session != attempt.session
        self._nodes.lost[job] += was_away  # maybe before it was begun: nobody can tell

        def committed() -> None:
            row.has_begun = row.has_begun and (row.node, row.failures) == (attempt.node_id, failures)
            row.node, row.failures = attempt.node_id, failures
            is_there = node.is_open and node.session == attempt.session and self.clock.now >= node.held_until
            self._nodes.lost[job] += not was_away and not (is_there and attempt.fence in self._wires.calls)
            if attempt.fence not in self._wires.calls:
                return
            if attempt.id in self._work.unwanted:
                self._wires.reported(attempt, Broke(FailureKind.CANCELLED, "not wanted", is_over=True))
            else:
                self._wires.send(attempt, lambda node: self._work.begin(node, attempt, row))

        self._commit(committed)

    def _accepted(self, row: Row, attempt: Attempt) -> None:
        """The coordinator hears that a node has taken a job."""
        self.handle(Accepted(attempt))
        self._commit(partial(setattr, row, "has_begun", True))

    def _preempt(self, attempt: Attempt) -> None:
        dispatcher = self._dispatcher
        assert dispatcher is not None
        job = attempt.task_id.partition("/")[0]
        job_ends.check_preempted(dispatcher.open[job], dispatcher.open.values(), preempts=self.schedule.preempts)
        self._work.preempted.add(attempt.id)

    def _over(self, node: JobNode, copy: Copy) -> None:
        """A copy is over: whoever follows it hears of that."""
        outcome = job_ends.outcome_of(copy, node.id)

        def arrived() -> None:
            if isinstance(outcome, Broke):
                self._nodes.forget(node, copy.plan.id)
            self._wires.reported(copy.attempt, outcome)
            if isinstance(outcome, Broke):
                self._keep_failures(copy.plan.id)

        self._wires.answer(node, arrived, copy.attempt)

    def _keep_failures(self, job: str) -> None:
        """What counts against a job that begins anew is committed, like that it has not begun."""
        row, failures = self.rows[job], self._failures(job)

        def committed() -> None:
            row.failures, row.has_begun = failures, False

        if self._dispatcher is not None and job in self._dispatcher.open:
            self._commit(committed)

    def _failures(self, job: str) -> dict[FailureKind, int]:
        assert self._dispatcher is not None
        return failures_of(self._dispatcher.work[job])

    def _end(self, job: str) -> None:
        """The dispatcher says that a job is over: once that is committed, nodes forget it."""
        dispatcher, row = self._dispatcher, self.rows[job]
        assert dispatcher is not None
        work = dispatcher.work[job]

        def committed() -> None:
            if row.state is not None:
                raise Flaw(f"{job} ended twice")
            row.state = work.state
            work.is_remembered = True
            self.handle(Remembered(job, work.state))
            for node in self._nodes.by_id.values():
                self._wires.call(node, node.session, partial(self._nodes.ended, node, job))

        job_ends.check_end(work, self.rows, self._nodes, is_cancelled=job in self._cancelling)
        self._commit(committed)

    def _commit(self, done: Action) -> None:
        """Call `done` when all until now is committed, unless the coordinator is killed before."""
        start, at = self._starts, self.clock.now + self._rng.uniform(0.001, 0.02)
        for began, span_s in self.schedule.outages:
            at = began + span_s + 0.01 if began <= at < began + span_s else at
        at = self._committed_at = max(at, self._committed_at + 1e-6)

        def committed() -> None:
            if self._dispatcher is not None and self._starts == start:
                done()

        self.clock.after(at - self.clock.now, committed)

    def _check_at_rest(self) -> None:
        until = self.clock.now + 3.0 * LEASE_S
        while self.clock.now < until:
            self._step()
        left = [f"{node.id}: {job}" for node in self._nodes.by_id.values() for job in node.copies]
        if left:
            raise Flaw(f"nodes were not told to forget: {left}")
