"""What must hold after every event, when a run ends and when all is over."""

from __future__ import annotations

from coordinator.core.events import CancelAsked, Command, Delivered, Drop, Event, NodeOrder, Note, Reported
from coordinator.core.model import Attempt, NodeState, WorkState
from coordinator.core.pool import PoolSettings
from coordinator.core.rounds import FETCH_WINDOW
from coordinator.core.training import TrainingRun
from coordinator.core.workload import Workload
from rpc.errors import FailureKind
from tests.simulation import trainer
from tests.simulation.coordinator import SimCoordinator
from tests.simulation.flaw import Flaw
from tests.simulation.ledger import Ledger, Phase
from tests.simulation.schedule import Doom, Schedule
from tests.simulation.shares import Shares
from tests.simulation.store import SimStore

_RACED_AFTER_S = 1.0
_LEASE_S = PoolSettings().lease_s
_ROUNDING_S = 0.001  # of times in the store
_CHECK_S = _LEASE_S / 20 + 0.01  # how much later than at its end the end of a lease or run may be noticed


class Checks:
    """Compares the dispatcher with the ledger and the schedule; raises Flaw where they differ."""

    def __init__(self, schedule: Schedule, ledger: Ledger, store: SimStore) -> None:
        self._schedule, self._ledger, self._store = schedule, ledger, store
        self._plans = {run.id: run for run in schedule.all_runs}
        self._open: set[str] = set()  # runs of the coordinator as it is
        self._started_at = 0.0
        self._begun: set[str] = set()  # since the coordinator was started
        self._racks = {node.id: node.rack for node in schedule.nodes}
        self._deadlines: dict[str, float] = {}
        self._cancelled: set[str] = set()
        self._heard_at: dict[str, float] = {}
        self.drained: set[str] = set()
        self._placed_at: dict[int, float] = {}

    def begin(self, coordinator: SimCoordinator, now: float) -> None:
        """The coordinator is started."""
        self._coordinator, self._dispatcher, self._vectors = coordinator, coordinator.dispatcher, coordinator.vectors
        self._started_at = now
        self._open.clear()
        self._begun.clear()
        self.shares = Shares(coordinator.dispatcher)

    def submitted(self, run: Workload) -> None:
        """A restart takes it up again, and moves its deadline by no more than a rounding."""
        assert run.deadline is not None
        self._open.add(run.id)
        self._deadlines.setdefault(run.id, run.deadline)

    def cancel_asked(self, run: str) -> None:
        self._cancelled.add(run)

    def heard(self, node_id: str, now: float) -> None:
        self._heard_at[node_id] = now

    def answer(self, event: Event, awaited: bool, commands: list[Command], now: float) -> None:
        """The commands must take in what is awaited, refuse what is not, and end what is cancelled."""
        if isinstance(event, Reported) and isinstance(event.outcome, Delivered):
            is_refused = Drop(event.outcome.holder) in commands
            if awaited and is_refused:
                raise Flaw(f"the result of {event.attempt.id} is refused although it is awaited")
            if not awaited and not is_refused:
                raise Flaw(f"a late or doubled result of {event.attempt.id} is not refused")
            if awaited and event.outcome.is_known:
                self._check_recalled(event.attempt)
            if awaited and self._is_simple(event.attempt):
                self.shares.delivered(event.attempt, now)
        for command in commands:
            if isinstance(command, Note) and command.kind == "running":
                self._check_begin(command.work_id)
        self.shares.placed(commands, now)
        if isinstance(event, CancelAsked) and not self._dispatcher.work[event.work_id].state.is_final:
            raise Flaw(f"run {event.work_id} goes on after it was cancelled")

    def agree(self, now: float) -> None:
        """The dispatcher must see nodes and slots as they are, and end the runs whose end is certain."""
        pool, ledger = self._dispatcher.pool, self._ledger
        self._vectors.note_peak()
        free = sum(max(0, node.free_slots) for node in pool)
        if pool.free_slots != free:
            raise Flaw(f"{pool.free_slots} free slots are counted, {free} are there")
        for node in pool:
            is_connected = node.id in ledger.sessions
            if (node.state is NodeState.LOST) == is_connected:
                raise Flaw(f"{node.id} is {node.state} for the dispatcher; connected: {is_connected}")
            if node.running.keys() != ledger.calling(node.id).keys():
                fences = f"{sorted(node.running)}, in truth {sorted(ledger.calling(node.id))}"
                raise Flaw(f"{node.id} runs for the dispatcher the attempts with fences {fences}")
            if node.done > ledger.done_on[node.id]:
                raise Flaw(f"{node.id} is praised for {node.done} tasks, and has done {ledger.done_on[node.id]}")
            if node.failed > ledger.failures_on[node.id]:
                raise Flaw(f"{node.id} is held {node.failed} failures against, and has {ledger.failures_on[node.id]}")
            if is_connected and now > self._heard_at[node.id] + _LEASE_S + _CHECK_S:
                raise Flaw(f"{node.id} is silent for {now - self._heard_at[node.id]:.1f} s and not given up")
        self.shares.paid()
        for task_id in ledger.raced:
            attempts = ledger.live_of(task_id)
            if len(attempts) > 1 and any(each.phase is not Phase.WORKING for each in attempts):
                raise Flaw(f"task {task_id} has a result, and its other attempt goes on")
        for run, failing in ledger.must_fail.items():
            if run in self._open and self._is_judged(run, min(failing.values()) - 1):
                raise Flaw(f"run {run} goes on although it must fail: {sorted(failing)}")

    def _check_recalled(self, attempt: Attempt) -> None:
        """What a verification has sampled it must compute, whatever is known."""
        run, number, shard = attempt.task_id.split("/")
        workload = self._dispatcher.work[run].workload
        assert isinstance(workload, TrainingRun)
        recorded = workload.saved.recorded
        if recorded is not None and (int(number), int(shard)) in recorded.sampled:
            raise Flaw(f"{attempt.id} was to be computed again, and was taken from memory")

    def _is_simple(self, attempt: Attempt) -> bool:
        """Whether it is known how long the attempt took: it was alone, and its result came at once."""
        run = attempt.task_id.partition("/")[0]
        return attempt.task_id not in self._ledger.raced and not self._plans[run].large

    def _is_judged(self, run: str, number: int) -> bool:
        """Whether it is known that the run goes on after this round."""
        workload = self._dispatcher.work[run].workload
        assert isinstance(workload, TrainingRun)
        return number < 1 or workload.figures[number - 1].validation_error is not None

    def ordered(self, node_id: str, order: NodeOrder) -> None:
        (self.drained.add if order is NodeOrder.DRAIN else self.drained.discard)(node_id)

    def placed(self, attempt: Attempt, now: float) -> None:
        """A drained node gets nothing new, nobody does while nothing can be remembered, and no task twice too early."""
        self._check_claim(attempt)
        if self._coordinator.store_fault:
            raise Flaw(f"{attempt.id} is begun while the store takes nothing")
        if attempt.node_id in self.drained:
            raise Flaw(f"{attempt.node_id} is drained and gets {attempt.id}")
        for other in self._ledger.live_of(attempt.task_id):
            if now - self._placed_at[other.attempt.fence] < _RACED_AFTER_S:
                raise Flaw(f"{attempt.id} is placed beside {other.attempt.id}, which has not run for a second")
        self._placed_at[attempt.fence] = now

    def _check_claim(self, attempt: Attempt) -> None:
        """A run gets the nodes that it wants, once it has begun."""
        run = attempt.task_id.partition("/")[0]
        wanted = self._plans[run].spec
        if wanted.select and self._racks[attempt.node_id] != wanted.select["rack"]:
            raise Flaw(f"{attempt.id} is on rack {self._racks[attempt.node_id]}, and its run wants {wanted.select}")
        if run not in self._begun:
            raise Flaw(f"{attempt.id} is placed before its run has begun")

    def _check_begin(self, run: str) -> None:
        """A run does not begin with fewer nodes than it wants; it may lose them before its first task."""
        wanted = self._plans[run].spec
        racks = [self._racks[node_id] for node_id in self._ledger.sessions.keys() - self.drained]
        suitable = len(racks) if not wanted.select else racks.count(wanted.select["rack"])
        if suitable < wanted.min_nodes:
            raise Flaw(f"run {run} begins with {suitable} nodes and wants {wanted.min_nodes}")
        self._begun.add(run)

    def disconnected(self, node_id: str, now: float) -> None:
        if now <= self._heard_at[node_id] + _LEASE_S:
            raise Flaw(f"{node_id} is given up {now - self._heard_at[node_id]:.1f} s after it was heard")

    def fetching(self, attempt: Attempt) -> None:
        """Large results come a few at once."""
        run = self._ledger.entries[attempt.fence].task.work_id
        live = self._ledger.live.values()
        fetching = sum(entry.phase is Phase.FETCHING and entry.task.work_id == run for entry in live)
        if fetching > FETCH_WINDOW:
            raise Flaw(f"run {run} fetches {fetching} large vectors at once")

    def overdue(self, now: float) -> None:
        for run in self._open:
            if now > max(self._deadlines[run], self._started_at) + _CHECK_S:
                raise Flaw(f"run {run} goes on after its timeout")

    def ended(self, run: str, now: float) -> None:
        """A run ended: with the bits it has without faults, or for a reason that the facts made certain."""
        if run not in self._open:
            raise Flaw(f"run {run} ended twice")
        self._open.remove(run)
        work = self._dispatcher.work[run]
        left = [entry.attempt.id for entry in self._ledger.live.values() if entry.task.work_id == run]
        if left or work.tasks or work.held:
            raise Flaw(f"run {run} ended and left tasks: {sorted(work.tasks)}, attempts not stopped: {left}")
        if work.state is WorkState.COMPLETED:
            self._check_bits(run)
        elif work.state is WorkState.CANCELLED:
            if run not in self._cancelled:
                raise Flaw(f"run {run} was cancelled by nobody")
        elif work.failure in (FailureKind.TIMEOUT, FailureKind.NO_CAPACITY):
            if self._schedule.doom is Doom.NONE or now < self._deadlines[run] - _ROUNDING_S:
                raise Flaw(f"run {run} failed for want of time or nodes, and had both: {work.reason}")
        elif work.failure is FailureKind.MISSING_BLOB:
            if not (self._plans[run].spec.parent and self._store.blobs.damaged):
                raise Flaw(f"run {run} failed, and could have gone back: {work.reason}")
        elif work.failure not in self._ledger.must_fail[run]:
            raise Flaw(f"run {run} failed without a cause: {work.failure.code}: {work.reason}")
        if self._plans[run].large:
            self._check_memory(run)

    def _check_bits(self, run: str) -> None:
        plan, workload = self._plans[run], self._dispatcher.work[run].workload
        assert isinstance(workload, TrainingRun)
        of_this_start = workload.figures[len(workload.saved.rounds) :]
        left_out = self._store.left_out(run) | {figures.round: figures.left_out for figures in of_this_start}
        expected = trainer.expected(plan.spec, plan.rows, left_out)
        rounds, recorded = workload.rounds_done, workload.saved.recorded
        last_round = min(expected.last_round, recorded.last_round) if recorded else expected.last_round
        may_stop_early = plan.spec.max_time_s > 0.0 and rounds <= last_round
        if rounds != last_round and not may_stop_early:
            raise Flaw(f"run {run} ended after round {rounds}, not {last_round}")
        found = workload.sealed.sha256 if workload.sealed else "no model"
        if found != f"{expected.versions[rounds]:016x}":
            raise Flaw(f"run {run} ended with model {found}, not {expected.versions[rounds]:016x}")

    def _check_memory(self, run: str) -> None:
        plan = self._plans[run]
        n_shards = len(plan.rows)
        bound = FETCH_WINDOW + n_shards.bit_length() if plan.spec.aggregation == "mean" else n_shards
        if self._vectors.peak[run] > bound:
            raise Flaw(f"run {run} held {self._vectors.peak[run]} vectors; {n_shards} shards need {bound} at most")

    def at_rest(self, kept: list[str]) -> None:
        """All runs are over and nothing is under way: nothing may be left, nor `kept` on nodes."""
        if kept:
            raise Flaw(f"nodes were not told to forget results: {kept}")
        if self._vectors.left():
            raise Flaw(f"vectors left at the end: {self._vectors.left()}")
        for node in self._dispatcher.pool:
            if node.running:
                raise Flaw(f"{node.id} still occupies slots at the end: {sorted(node.running)}")
