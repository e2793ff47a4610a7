"""The runtime: turns what happens on the loop into events for the dispatcher, and carries its commands out."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from random import Random

from coordinator.arrays import Arrays
from coordinator.attempts import Attempts
from coordinator.chronicle import Chronicle
from coordinator.config import CoordinatorConfig
from coordinator.core import jobs
from coordinator.core.arrays import ScriptArray
from coordinator.core.consequences import consequences
from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import (
    Accepted,
    CancelAsked,
    Clear,
    Command,
    Compute,
    Computed,
    Disconnect,
    Drop,
    Event,
    Fetch,
    Forget,
    Note,
    Outcome,
    Release,
    Reported,
    SetBack,
    Start,
    Stop,
    StoreChanged,
    Submitted,
    Tick,
)
from coordinator.core.model import Attempt, WorkState
from coordinator.core.policies import Policy
from coordinator.core.pool import PoolSettings
from coordinator.core.scripting import ScriptJob
from coordinator.core.settings import Settings
from coordinator.core.training import TrainingRun
from coordinator.endings import Endings
from coordinator.housekeeping import Housekeeping, Limits
from coordinator.job_desk import JobDesk
from coordinator.job_rows import JobRows, KnownJob
from coordinator.journal import Journal
from coordinator.membership import Membership
from coordinator.memo import Memo
from coordinator.node_list import NodeList
from coordinator.node_memory import NodeMemory
from coordinator.patience import outlast
from coordinator.recorder import Recorder
from coordinator.remembering import Remembering, first_fence, tells_end
from coordinator.removals import Removals
from coordinator.sessions import CallSettings, Surroundings
from coordinator.store.changes import Change
from coordinator.store.store import Store
from coordinator.store.thinning import Retention
from coordinator.views import Clock
from coordinator.waker import Waker
from coordinator.webhooks import Webhooks
from coordinator.workbench import Workbench
from rpc.aside import Aside
from rpc.blobs import BlobFolder
from rpc.loop import Loop

logger = logging.getLogger(__name__)


class Runtime:
    """One coordinator without its door. Everything runs on the loop's thread."""

    def __init__(
        self, config: CoordinatorConfig, policy: Policy, *, loop: Loop, blobs: BlobFolder, logs: Path, store: Store
    ) -> None:
        """`store` is this runtime's from now on; `logs` is the folder of script jobs' logs."""
        rng = Random()
        self.policy_name = policy.name
        self.clock = Clock(time.time() - time.monotonic())
        settings = Settings(
            PoolSettings(lease_s=config.lease_s), shares=config.shares, last_fence=first_fence(store.epoch),
            max_running_per_owner=config.max_running_per_owner, preempts=config.preempts,
        )  # fmt: skip
        self.dispatcher = Dispatcher(policy, rng, settings)
        self.reader = store.reader
        self.journal = Journal(loop, outlast(store.reader.last_event, config.store_wait_s))
        self.store_fault = ""
        self.epoch = store.epoch
        self._loop = loop
        self._workbench = Workbench(loop, blobs)
        self._memo_thread = Aside(loop, 1, "memo")
        self._memo = Memo(self._memo_thread.run, config.memo_bytes, blobs.path)
        self._attempts = Attempts(blobs, self._memo, lambda node: self.membership.link(node), self._report)
        self.traffic = self._attempts.traffic
        self._events: deque[Event] = deque()
        self._handling = False
        self._waker = Waker(loop, lambda: self.post(Tick()))
        self.ended_by: Exception | None = None
        self._chronicle = Chronicle(self.journal, self.clock, remember=lambda change: self._recorder.add(change))
        on_commit = self._chronicle.committed
        self._recorder = Recorder(loop, store, blobs, on_commit=on_commit, on_fault=self._fault, on_end=self._end)
        self.memory = Remembering(self._recorder, self.dispatcher, self.clock, self.traffic.of)
        self.desk = JobDesk(
            loop, blobs, logs, self._recorder, JobRows(self._recorder, self.clock), release=self._release,
            stage=lambda node: self.membership.link(node), report=self._report, tell=self._chronicle.tell,
            accepted=lambda attempt: self.post(Accepted(attempt)),
        )  # fmt: skip
        self.webhooks = Webhooks(self._recorder, self.clock, self.journal.last)
        self.config = config
        self.arrays = Arrays(loop, self._recorder, self.clock, take_up=self.take_up, post=self.post)
        by_kind = {ScriptJob.kind: self.desk.ended, ScriptArray.kind: self.arrays.ended}
        self.endings = Endings(self.journal, self.post, by_kind, self.memory.ended)
        calls = CallSettings(
            coordinator=store.identity, epoch=store.epoch, policy=policy.name, node_token=config.node_token,
            beat_s=config.beat_s, lease_s=config.lease_s, task_timeout_s=config.task_timeout_s,
        )  # fmt: skip
        around = Surroundings(loop, self._workbench.aside, calls, config.node_trust.context("", 0))
        self._node_memory = NodeMemory(loop, self._recorder, self.dispatcher.pool, self.clock)
        self.membership = Membership(
            around, self.dispatcher.pool, rng, post=self.post, changed=self._node_memory.changed
        )
        self.removals = Removals(self.dispatcher, self._recorder, self.post, drop=self.desk.remove)
        limits = Limits(Retention(config.keep_events_days), config.keep_runs)
        self._housekeeping = Housekeeping(
            loop, store, blobs, limits, recorder=self._recorder, removals=self.removals, on_end=self._end
        )
        self._store_wait_s, self._listed = config.store_wait_s, config.nodes
        file, listed = config.nodes_file, self.membership.listed
        self._node_list = None if file is None else NodeList(loop, self._workbench.aside, file, listed)

    def start(self) -> None:
        """Go on with what was under way, and dial the nodes.

        Raises:
            StoreDown: what was under way cannot be read.
        """
        open_runs = outlast(lambda: tuple(self.memory.open_runs(self.reader)), self._store_wait_s)
        lease_s = self.config.job_lease_s
        open_jobs = outlast(lambda: tuple(self.desk.rows.open_jobs(self.reader, lease_s)), self._store_wait_s)
        known = outlast(self.reader.nodes, self._store_wait_s)
        self.webhooks.recall(outlast(self.reader.webhooks, self._store_wait_s))
        self._housekeeping.start()
        for submitted, traffic in open_runs:
            self.journal.take_up(submitted.workload.id)
            self.traffic.add(submitted.workload.id, *traffic)
            self.take_up(submitted)
        for submitted, known_job in open_jobs:
            self.journal.take_up(submitted.workload.id)
            self.take_up(submitted, known_job)
        for recalled in self._node_memory.recalled(known):
            self.post(recalled)
        self.membership.recall(known)
        self.membership.listed(self._listed)
        self._node_memory.watch(self.membership)
        if self._node_list is not None:
            self._node_list.watch()
        self.post(Tick())

    def close(self) -> None:
        self.membership.close()
        self._housekeeping.close()
        self._node_memory.close(self.membership)
        self._workbench.close()
        self.desk.close()
        if self._memo_thread.close(1.0):
            self._memo.close()
        self._recorder.close()

    def take_up(self, submitted: Submitted, known: KnownJob | None = None) -> None:
        """Have work done that is remembered; `known` is what was known of a job before this start."""
        match submitted.workload:
            case TrainingRun() as run:
                self._workbench.open(run)
            case ScriptJob() as job:
                self.desk.open(job, known)
        self.post(submitted)

    def cancel(self, work_id: str, reason: str) -> None:
        self.post(CancelAsked(work_id, reason))

    def when_remembered(self, done: Callable[[], None], *changes: Change, at_once: bool = True) -> None:
        """Call `done` once all until now is committed, and these changes."""
        self._recorder.add(*changes, done=lambda late: done(), at_once=at_once)

    def post(self, event: Event) -> None:
        """Let the dispatcher handle an event, after those that came before it."""
        self._events.append(event)
        if self._handling:
            return
        self._handling = True
        try:
            while self._events:
                self._handle(self._events.popleft())
        finally:
            self._handling = False
            self._waker.wake_at(self.dispatcher.wake_at())

    def _handle(self, event: Event) -> None:
        for command in self.dispatcher.handle(event, time.monotonic()):
            try:
                self._carry_out(command)
            except Exception:  # the top of a command: those after it must not be lost with it
                logger.exception("a command failed unexpectedly: %s", type(command).__name__)
                self._events += consequences(command)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Start(_, task) if task.kind == ScriptJob.kind:
                self.desk.start(command, self.dispatcher.work[task.work_id])
            case Start(_, task):
                vectors = self._workbench.vectors(task.work_id)
                if vectors is not None:
                    self._attempts.start(command, self.dispatcher.work[task.work_id], vectors)
            case Fetch(_, task):
                vectors = self._workbench.vectors(task.work_id)
                if vectors is not None:
                    self._attempts.fetch(command, vectors)
            case Compute(jobs.KeepPlan(run)):
                self.memory.surveyed(self._run(run))
            case Compute(jobs.Keep(run, number) as job):
                self._keep(run, number, lambda: self._computed(job, jobs.Done()))
            case Compute(jobs.GoBack(run)):
                self.memory.went_back(self._run(run))
            case Compute(jobs.EndMembers(array, reason)):
                self.arrays.end_members(self.dispatcher.work[array], reason)
            case Compute(job):
                self._workbench.do(job, lambda value: self._computed(job, value))
            case Drop(holder):
                vectors = self._workbench.vectors(holder.partition("/")[0])
                if vectors is not None:
                    vectors.sums.pop(holder, None)
            case Stop(attempt, grace_s, preempts):
                self.desk.stopped(attempt, preempts=preempts)
                order = "preempt_attempt" if preempts else "cancel_attempt"
                self.membership.link(attempt.node_id).tell(attempt.session, order, attempt.id, round(1000 * grace_s))
            case Disconnect(node_id, session, reason):
                self.membership.link(node_id).disconnect(session, reason)
            case Clear(node_id, session, work_id):
                self.membership.link(node_id).tell(session, "forget", (f"model:{work_id}/",))
            case Release(work_id) if not self.desk.is_open(work_id):
                self._release(work_id)
            case Forget(work_id):
                self._forget(work_id)
            case SetBack():
                self._chronicle.set_back(command)
            case Note():
                self._note(command)

    def _report(self, attempt: Attempt, outcome: Outcome) -> None:
        self.post(Reported(attempt, outcome))
        self.journal.changed(attempt.task_id.partition("/")[0])

    def _computed(self, job: jobs.Job, value: jobs.JobValue) -> None:
        self.post(Computed(job, value))
        self.journal.changed(job.run)

    def _run(self, work_id: str) -> TrainingRun:
        run = self.dispatcher.work[work_id].workload
        assert isinstance(run, TrainingRun)
        return run

    def _keep(self, work_id: str, number: int, done: Callable[[], None]) -> None:
        vectors = self._workbench.vectors(work_id)
        if vectors is not None:
            self.memory.round_done(self.dispatcher.work[work_id], number, vectors, done)

    def _fault(self, reason: str) -> None:
        self.store_fault = reason
        self.post(StoreChanged(reason))

    def _end(self, error: Exception) -> None:
        """Nothing can be remembered any more: whoever has taken over goes on."""
        self.ended_by = error
        self._loop.stop()

    def _release(self, work_id: str) -> None:
        self._workbench.release(work_id)
        for member in self.membership:
            member.link.forget(f"model:{work_id}/")

    def _forget(self, work_id: str) -> None:
        self._attempts.forget(work_id)
        self.journal.forget(work_id)

    def _note(self, note: Note) -> None:
        self._chronicle.tell(note)
        if note.node_id and not note.work_id:
            self._node_memory.changed(self.membership[note.node_id])
        work = self.dispatcher.work.get(note.work_id)
        if work is not None and tells_end(note, work):
            self.endings.ended(work)
        elif work is not None and note.kind in (WorkState.RUNNING.value, WorkState.PENDING.value):
            self.memory.stands(work, WorkState(note.kind))
