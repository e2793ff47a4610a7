"""The runtime: turns what happens on the loop into events for the dispatcher, and carries its commands out."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from random import Random

from coordinator.config import CoordinatorConfig
from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import (
    Broke,
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
    Start,
    Stop,
    Submitted,
    Tick,
)
from coordinator.core.jobs import Job, JobValue, Unable
from coordinator.core.model import Attempt, Work
from coordinator.core.policies import Policy
from coordinator.core.pool import PoolSettings
from coordinator.core.settings import Settings
from coordinator.core.training import TrainingRun
from coordinator.core.workload import SurveyPayload, TaskSpec
from coordinator.errands import Cargo, Errands
from coordinator.identity import Identity
from coordinator.journal import Journal
from coordinator.membership import Membership
from coordinator.node_list import NodeList
from coordinator.node_views import node_change
from coordinator.scripts import Script
from coordinator.sessions import CallSettings, Surroundings
from coordinator.store.changes import NodeRemoved, NodeSeen
from coordinator.views import Clock
from coordinator.workbench import Workbench
from rpc.blobs import BlobFolder
from rpc.errors import FailureKind
from rpc.loop import Loop, Timer
from rpc.messages import RunSpec

logger = logging.getLogger(__name__)

_LOUD = frozenset({"node lost", "quarantined", "failed"})
_QUIET = frozenset({"rejected", "stale"})


class Runtime:
    """One coordinator without its door. Everything runs on the loop's thread."""

    def __init__(
        self, config: CoordinatorConfig, identity: Identity, policy: Policy, *, loop: Loop, blobs: BlobFolder
    ) -> None:
        rng = Random()
        self.policy_name = policy.name
        self.clock = Clock(time.time() - time.monotonic())
        self.dispatcher = Dispatcher(policy, rng, Settings(PoolSettings(lease_s=config.lease_s), shares=config.shares))
        self.journal = Journal(loop)
        self.traffic: dict[str, tuple[int, int]] = {}
        self._loop = loop
        self._workbench = Workbench(loop, blobs)
        self._errands = Errands(blobs)
        self._sealed: dict[str, str] = {}  # models by work
        self._blobs = blobs
        self._events: deque[Event] = deque()
        self._handling = False
        self._timer: Timer | None = None
        self._wakes_at = 0.0
        self._on_end: dict[str, list[Callable[[Work], None]]] = {}
        self._epoch = identity.epoch
        self._count = 0
        settings = CallSettings(
            coordinator=identity.id,
            epoch=identity.epoch,
            policy=policy.name,
            beat_s=config.beat_s,
            lease_s=config.lease_s,
            task_timeout_s=config.task_timeout_s,
        )
        around = Surroundings(loop, self._workbench.aside, settings)
        self.membership = Membership(
            around, self.dispatcher.pool, rng, post=self.post, changed=lambda member: self._node_changed(member.link.id)
        )
        self.on_node: Callable[[NodeSeen | NodeRemoved], None] = lambda change: None
        self._listed = config.nodes
        self._node_list = (
            NodeList(loop, self._workbench.aside, config.nodes_file, self.membership.listed)
            if config.nodes_file is not None
            else None
        )

    def start(self) -> None:
        """Dial the nodes."""
        self.membership.listed(self._listed)
        if self._node_list is not None:
            self._node_list.watch()
        self.post(Tick())

    def close(self) -> None:
        self.membership.close()
        self._workbench.close()

    def submit(self, spec: RunSpec) -> str:
        """Start a run; return its id, which other starts of the coordinator do not give within hours.

        A run that its owner submitted before with the same key is the one meant.
        """
        known = self.dispatcher.by_key.get((spec.owner, spec.key))
        if known is not None:
            return known
        self._count += 1
        run = TrainingRun(f"run-{self._epoch & 0xFFFFFF:06x}-{self._count}", spec, time.monotonic())
        self._workbench.open(run)
        self.post(Submitted(run))
        return run.id

    def cancel(self, work_id: str, reason: str) -> None:
        self.post(CancelAsked(work_id, reason))

    def on_end(self, work_id: str, callback: Callable[[Work], None]) -> None:
        """Call `callback` when the work is over."""
        self._on_end.setdefault(work_id, []).append(callback)

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
            self._set_timer()

    def _handle(self, event: Event) -> None:
        for command in self.dispatcher.handle(event, time.monotonic()):
            try:
                self._carry_out(command)
            except Exception:  # the top of a command: those after it must not be lost with it
                logger.exception("a command failed unexpectedly: %s", type(command).__name__)
                self._events += _consequences(command)

    def _set_timer(self) -> None:
        wake_at = self.dispatcher.wake_at()
        if self._timer is not None:
            if self._wakes_at <= wake_at:
                return
            self._timer.cancel()
        self._wakes_at = wake_at
        self._timer = self._loop.call_later(max(0.0, wake_at - time.monotonic()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.post(Tick())

    def _carry_out(self, command: Command) -> None:
        match command:
            case Start(attempt, task):
                self._play(attempt, task, lambda cargo: self._script_for(command, cargo))
            case Fetch(attempt, task):
                vectors = self._workbench.vectors(task.work_id)
                if vectors is not None:
                    self._play(attempt, task, lambda cargo: self._errands.fetch(vectors, attempt.id, task))
            case Compute(job):
                self._workbench.do(job, lambda value: self._computed(job, value))
            case Drop(holder):
                self._forget_sum(holder)
            case Stop(attempt):
                self.membership.link(attempt.node_id).tell(attempt.session, "cancel_attempt", attempt.id, 0)
            case Disconnect(node_id, session, reason):
                self.membership.link(node_id).disconnect(session, reason)
            case Clear(node_id, session, work_id):
                self.membership.link(node_id).tell(session, "forget", (f"model:{work_id}/",))
            case Release(work_id):
                self._release(work_id)
            case Forget(work_id):
                self._forget(work_id)
            case Note():
                self._note(command)

    def _script_for(self, start: Start, cargo: Cargo) -> Script:
        run = self.dispatcher.work[start.task.work_id].workload
        vectors = self._workbench.vectors(start.task.work_id)
        assert isinstance(run, TrainingRun) and vectors is not None
        if isinstance(start.task.payload, SurveyPayload):
            return self._errands.survey(run, start, cargo)
        return self._errands.train(run, vectors, start, cargo)

    def _play(self, attempt: Attempt, task: TaskSpec, make: Callable[[Cargo], Script]) -> None:
        def done(outcome: Outcome, sent: int, received: int) -> None:
            before = self.traffic.get(task.work_id, (0, 0))
            self.traffic[task.work_id] = (before[0] + sent, before[1] + received)
            self.post(Reported(attempt, outcome))
            self.journal.changed(task.work_id)

        self.membership.link(attempt.node_id).play(attempt.session, make, done)

    def _computed(self, job: Job, value: JobValue) -> None:
        self.post(Computed(job, value))
        self.journal.changed(job.run)

    def _forget_sum(self, holder: str) -> None:
        vectors = self._workbench.vectors(holder.partition("/")[0])
        if vectors is not None:
            vectors.sums.pop(holder, None)

    def _release(self, work_id: str) -> None:
        self._workbench.release(work_id)
        for member in self.membership:
            member.link.forget(f"model:{work_id}/")

    def _forget(self, work_id: str) -> None:
        self.traffic.pop(work_id, None)
        self.journal.forget(work_id)
        model = self._sealed.pop(work_id, None)
        if model is not None and model not in self._sealed.values():
            self._workbench.aside(lambda: self._blobs.remove(model), lambda _: None)

    def _note(self, note: Note) -> None:
        self.journal.append(note, self.clock.ms(time.monotonic()))
        level = logging.WARNING if note.kind in _LOUD else logging.DEBUG if note.kind in _QUIET else logging.INFO
        logger.log(level, "%s: %s%s", _subject(note), note.kind, f": {note.message}" if note.message else "")
        self.journal.changed(note.work_id)
        if note.node_id and not note.work_id:
            self._node_changed(note.node_id)
        work = self.dispatcher.work.get(note.work_id)
        if work is not None and work.state.is_final and note.kind == work.state.value:
            self._ended(work)

    def _node_changed(self, node_id: str) -> None:
        """Something is to be remembered of a node: `on_node` gets all that is known of it."""
        self.on_node(node_change(self.membership[node_id], self.dispatcher.pool, self.clock))

    def _ended(self, work: Work) -> None:
        run = work.workload
        if isinstance(run, TrainingRun) and run.sealed is not None:
            self._sealed[work.id] = run.sealed.blob
        for callback in self._on_end.pop(work.id, []):
            callback(work)
        self.journal.flush()


def _subject(note: Note) -> str:
    """What a note is about, for the log: run, round, shard and node as far as they are meant."""
    parts = [note.work_id] if note.work_id else []
    if note.round:
        parts.append(f"round {note.round}")
    if note.shard >= 0:
        parts.append(f"shard {note.shard + 1}")
    if note.node_id:
        parts.append(f"on {note.node_id}" if parts else note.node_id)
    return " ".join(parts)


def _consequences(command: Command) -> list[Event]:
    """What the dispatcher must hear when a command could not be carried out: nobody else would tell it."""
    match command:
        case Start(attempt) | Fetch(attempt):
            broke = Broke(FailureKind.SETUP_FAILED, "the coordinator could not start it; its log says why")
            return [Reported(attempt, broke)]
        case Compute(job):
            return [Computed(job, Unable(FailureKind.INTERNAL, "an internal error; the coordinator's log has it"))]
    return []
