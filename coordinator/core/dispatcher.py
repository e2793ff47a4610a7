"""The dispatcher: takes one event in, returns the commands that the runtime must carry out.

It owns all work, tasks and nodes, and knows nothing of what the work is about: a workload says which tasks there
are and what their results mean. Whatever runs it, a socket loop or a simulator, gives it the time and the chance.
"""

from __future__ import annotations

from random import Random

from coordinator.core import events
from coordinator.core.arrays import Arrays
from coordinator.core.bindings import Bindings
from coordinator.core.catalogue import Catalogue
from coordinator.core.declining import decline
from coordinator.core.model import MEMO, Attempt, Node, NodeState, Task, TaskState, Work
from coordinator.core.orders import heed
from coordinator.core.owners import Owners
from coordinator.core.placement import Placement
from coordinator.core.policies import Policy
from coordinator.core.pool import NodePool
from coordinator.core.preemption import Preemption
from coordinator.core.queue import WorkQueue
from coordinator.core.retry import rule_for
from coordinator.core.set_backs import note_of, set_back
from coordinator.core.settings import DEFAULTS, Settings
from coordinator.core.speculation import Speculation
from coordinator.core.standing import Standing
from coordinator.core.suitability import waiting_for
from coordinator.core.tasks import TaskBook
from coordinator.core.verdicts import after_failure, after_loss, after_silence, is_answer, state_after
from coordinator.core.waits import Waits
from coordinator.core.withdrawals import Withdrawals
from coordinator.core.workload import End, Interrupt, Queue, Remark, Step, Withdraw
from rpc.errors import FailureKind

_CHECKS_A_LEASE = 20


class Dispatcher:
    """The state of everything, changed by `handle` alone."""

    def __init__(self, policy: Policy, rng: Random, settings: Settings = DEFAULTS) -> None:
        owners = Owners(settings.shares, settings.max_running_per_owner)
        self._catalogue = Catalogue(owners, settings.kept_work)
        self.work, self.open, self.running = self._catalogue.work, self._catalogue.open, self._catalogue.running
        self.by_key = self._catalogue.by_key
        self.pool = NodePool(policy, settings.pool)
        self._standing = Standing(self._catalogue)
        self._queue = WorkQueue(owners)
        self._book = TaskBook(self._queue)
        self._bindings = Bindings(self.pool, self._book)
        self._placement = Placement(self.pool, self._queue, self._book, self._bindings, settings=settings, rng=rng)
        self._waits = Waits()
        self._preemption = Preemption(self.pool, self.open, self._placement.kept_free)
        self._speculation = Speculation(self.pool, self._book, self._placement)
        self._withdrawn = Withdrawals(self.pool, self._book)
        self._arrays = Arrays(self.work)
        self._rng = rng
        self._settings = settings
        self._next_check = 0.0
        self._store_fault = ""
        self._out: list[events.Command] = []

    def handle(self, event: events.Event, now: float) -> list[events.Command]:
        """Take one event in; `now` is in seconds on any clock that never goes back."""
        match event:
            case events.Reported(attempt, outcome):
                self._on_reported(attempt, outcome, now)
            case events.Computed(job, value):
                if (work := self.open.get(job.run)) is not None:
                    self._take(work, work.workload.on_computed(job, value, now), now)
            case events.Beat() | events.Ordered() | events.Recalled():
                self._out += heed(self.pool, event, now)
            case events.NodeUp():
                self._on_node_up(event, now)
            case events.Accepted(attempt):
                self._out += self._standing.accepted(self._book.find(attempt.task_id), attempt, now)
            case events.NodeDown(node_id, session, reason):
                if (node := self.pool.get(node_id, session)) is not None:
                    self._lose(node, reason, now)
            case events.Submitted(workload, at, past, ends):
                work = self._catalogue.add(workload, now if at is None else at, past)
                self._follow(self._arrays.submitted(work, ends), now)
            case events.Remembered(work_id, state):
                self._follow(self._arrays.remembered(work_id, state), now)
            case events.CancelAsked(work_id, reason):
                if (work := self.open.get(work_id)) is not None:
                    self._take(work, work.workload.on_cancel(reason, now), now)
            case events.Removed(work_id):
                self._out += map(events.Forget, self._catalogue.remove(work_id))
            case events.StoreChanged(reason):
                self._store_fault = reason
                self._out.append(events.Note("store healed" if not reason else "store failed", reason))
        self._pass_time(now)
        if not self._store_fault:  # what nobody can remember is not begun
            self._out += self._placement.place(self._begin, now)
        out, self._out = self._out, []
        return out

    def wake_at(self) -> float:
        """When to send a Tick at the latest."""
        return min(self._next_check, self._book.next_wake, self._catalogue.next_deadline)

    def waiting_for(self, work: Work) -> str:
        """What the work cannot go on without, or nothing."""
        return waiting_for(work, self.pool, self._store_fault)

    def _follow(self, verdicts: list[tuple[Work, Step | None]], now: float) -> None:
        """What others had to end for takes its place in the queue, or ends itself."""
        for work, step in verdicts:
            if step is not None:
                self._take(work, [step], now)
            elif not work.awaits:
                self._queue.add(work)

    def _begin(self, work: Work, now: float) -> None:
        """The turn of the work has come."""
        self._book.begin(work)
        self._out += self._standing.begun(work, now)
        self._take(work, work.workload.begin(now), now)

    def _on_node_up(self, event: events.NodeUp, now: float) -> None:
        old = self.pool.current(event.info.id)
        if old is not None and old.state is not NodeState.LOST:
            if event.session <= old.session:
                return
            self._lose(old, "it connected anew", now)
        node = self.pool.up(event.info, event.session, now)
        self._out.append(events.Note("node up", f"{node.info.device}, slots: {node.info.slots}", node_id=node.id))
        self._free(self._bindings.hello(node.id, now), now)
        of_work = {task_id.partition("/")[0] for task_id in node.info.kept}
        self._out += [events.Clear(node.id, node.session, work_id) for work_id in sorted(of_work - self.open.keys())]

    def _lose(self, node: Node, reason: str, now: float) -> None:
        """The node's session is over: what it had goes elsewhere."""
        self._withdrawn.lost(node)
        self.pool.down(node, reason)
        self._bindings.node_lost(node, now)
        kind = "node left" if node.is_leaving or node.is_drained else "node lost"
        self._out.append(events.Note(kind, reason, node_id=node.id))
        for work, task in self._book.on_node(node.id):
            if not work.state.is_final:
                self._attempt_lost(work, task, reason, now)

    def _on_reported(self, attempt: Attempt, outcome: events.Outcome, now: float) -> None:
        found = self._book.find(attempt.task_id)
        is_live = found is not None and found[1].attempt == attempt
        if found is None or not ((is_live and is_answer(outcome, found[1].state)) or found[1].turns_to(attempt)):
            self._out += self._withdrawn.refuse(attempt, outcome, is_live=is_live)
            return
        work, task = found
        if task.rival is not None and isinstance(outcome, events.Delivered | events.Held):
            self._out += self._withdrawn.drop_rival(work, task, now)
        if isinstance(outcome, events.Held) and work.workload.may_fetch(task.spec):
            task.worked_s = now - task.placed_at
            task.become(TaskState.FETCHING)
            self._out.append(events.Fetch(attempt, task.spec))
            return
        if isinstance(outcome, events.Delivered):
            self._on_delivered(work, task, outcome, now)
            return
        self.pool.vacate(attempt)
        node = self.pool.get(attempt.node_id, attempt.session)
        match outcome:
            case events.Held():
                task.worked_s = now - task.placed_at
                self._book.hold(work, task)
            case events.Declined():
                self._out += decline(self.pool, work, task, node, outcome)
                self._wait_anew(work, task, outcome.message, now)
            case events.Broke(FailureKind.PREEMPTED) if work.claim.holds_place:
                told, was_asked = self._preemption.over(work, task, outcome)
                self._out += told
                self._queue.give_back(work)
                wait_s = 0.0 if was_asked else self._settings.failure_backoff.delay_s(task.tries, self._rng)
                self._wait_anew(work, task, outcome.message, now, wait_s=wait_s)
            case events.Broke(FailureKind.NODE_LOST, message, is_over=False):
                self._out.append(note_of("lost", message, task, attempt.node_id))
                # The node itself may live: a short wait keeps a connection that always breaks from a hot loop.
                wait_s = self._settings.decline_backoff.delay_s(task.tries, self._rng)
                self._attempt_lost(work, task, message, now, wait_s=wait_s)
            case events.Broke():
                self._on_broke(work, task, outcome, now)

    def _on_delivered(self, work: Work, task: Task, outcome: events.Delivered, now: float) -> None:
        attempt = task.attempt
        assert attempt is not None
        self._book.close(work, task, TaskState.DONE, now)
        self._out += self._standing.taken(work, now)
        work.tasks_done += 1
        work.done_by_node[MEMO if outcome.is_known else attempt.node_id] += 1
        node = self.pool.get(attempt.node_id, attempt.session)
        if outcome.is_known:
            self.pool.vacate(attempt)
        elif node is not None:
            took_s = task.worked_s or now - task.placed_at
            work.pace.note(task.spec.order[0], took_s)
            self.pool.praise(node, attempt, took_s)
        self._take(work, work.workload.on_result(task.spec, outcome.holder, outcome.result, now), now)

    def _on_broke(self, work: Work, task: Task, outcome: events.Broke, now: float) -> None:
        attempt, kind, message, rule = task.attempt, outcome.kind, outcome.message, rule_for(outcome.kind)
        assert attempt is not None
        node = self.pool.get(attempt.node_id, attempt.session)
        self._out.append(note_of("failed", f"{kind.code}: {message}", task, attempt.node_id))
        self._out.append(set_back(work, task, kind.code, message))
        if rule.blames and node is not None and self.pool.blame(node, message, now):
            self._out.append(events.Note("quarantined", message, node_id=node.id))
        if task.state is TaskState.FETCHING or kind is FailureKind.BAD_UPDATE:
            self._out.append(events.Stop(attempt))  # the node need not keep its result
        self._bindings.broke(task, is_over=outcome.is_over)
        verdict = after_failure(work, task, attempt.node_id, outcome)
        wait_s = self._settings.failure_backoff.delay_s(sum(task.failures.values()) + task.unheard, self._rng)
        self._go_on(work, task, verdict, now, wait_s=wait_s)

    def _attempt_lost(self, work: Work, task: Task, reason: str, now: float, *, wait_s: float = 0.0) -> None:
        """The node of the live attempt is gone, or the connection that the attempt ran on."""
        assert task.attempt is not None
        node_id, verdict = task.attempt.node_id, None
        self._out.append(set_back(work, task, FailureKind.NODE_LOST.code, reason))
        # One that is held did its work, and a node that left was not brought down: neither speaks against the task.
        if task.state is not TaskState.HELD and not self.pool.has_left(node_id):
            verdict = after_loss(task, node_id, limit=work.workload.limits.max_node_losses)
        self._go_on(work, task, verdict, now, wait_s=wait_s)

    def _wait_anew(self, work: Work, task: Task, reason: str, now: float, *, wait_s: float = 0.0) -> None:
        """The attempt is over, and that is no failure."""
        self._out += self._standing.given_back(work, reason, now)
        self._book.put_off(work, task, wait_s, now)
        self._take(work, work.workload.on_set_back(task.spec, True), now)

    def _free(self, gone: list[tuple[Work, Task]], now: float) -> None:
        """Nothing of these tasks lives any more on the nodes that they were bound to."""
        for work, task in gone:
            self._go_on(work, task, after_silence(work, task), now)

    def _go_on(self, work: Work, task: Task, failure: events.Broke | None, now: float, *, wait_s: float = 0.0) -> None:
        """Try the task again, unless it has failed for good."""
        if failure is None:
            work.retries += not task.bound
            self._bindings.lost(work, task, wait_s, now)
            self._take(work, work.workload.on_set_back(task.spec, False), now)
            return
        self._out += self._withdrawn.drop_rival(work, task, now)
        self._book.close(work, task, TaskState.DROPPED, now)
        self._take(work, work.workload.on_task_failed(task.spec, failure.kind, failure.message), now)

    def _take(self, work: Work, steps: list[Step], now: float) -> None:
        """Do what the work wants."""
        for step in steps:
            match step:
                case Queue(spec, before):
                    task = self._book.add(work, spec, now)
                    if before is not None:
                        self._out += self._standing.taken(work, now) if before.has_begun else []
                        self._free(self._bindings.taken_up(work, task, before, now), now)
                case Interrupt(task_id, grace_s):
                    attempt = work.tasks[task_id].attempt
                    if attempt is not None:
                        self._preemption.ends(attempt)
                        self._out.append(events.Stop(attempt, grace_s))
                case Withdraw(task_id):
                    self._out += self._withdrawn.withdraw(work, work.tasks[task_id], now)
                case End():
                    self._end(work, step, now)
                case Remark(kind, message, number, shard):
                    self._out.append(events.Note(kind, message, work.id, round=number, shard=shard))
                case job:
                    self._out.append(events.Compute(job))
        if not work.state.is_final:
            self._catalogue.note_deadline(work)

    def _end(self, work: Work, end: End, now: float) -> None:
        work.become(state_after(end.failure), now)
        work.failure, work.reason = end.failure, end.reason
        for task in list(work.tasks.values()):
            self._out += self._withdrawn.withdraw(work, task, now)
        self._book.end(work)
        self._out += map(events.Forget, self._catalogue.end(work))
        self._out += [events.Release(work.id), events.Note(work.state.value, end.reason, work.id)]

    def _pass_time(self, now: float) -> None:
        self._free(self._book.wake(now), now)
        for work in self._catalogue.overdue(now):
            self._take(work, work.workload.on_deadline(self.waiting_for(work), now), now)
        if now < self._next_check:
            return
        lease_s = self._settings.pool.lease_s
        self._next_check = now + lease_s / _CHECKS_A_LEASE
        for node in self.pool.expired(now):
            reason = f"no heartbeat for {lease_s:g} s"
            self._out.append(events.Disconnect(node.id, node.session, reason))
            self._lose(node, reason, now)
        back = "its quarantine is over; it gets one task to try"
        self._out += [events.Note("readmitted", back, node_id=node.id) for node in self.pool.readmit(now)]
        self._out += self._waits.look(self.open, self.pool, now)
        if not self._store_fault:
            self._out += [*self._placement.place(self._begin, now), *self._speculation.look(now)]
            self._out += self._preemption.look(self.running.values(), now) if self._settings.preempts else []
