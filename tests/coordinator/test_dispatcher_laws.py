"""Laws of the dispatcher: whatever happens in whatever order, each task is placed at most once."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from coordinator.core import jobs
from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import (
    Beat,
    Broke,
    CancelAsked,
    Command,
    Compute,
    Computed,
    Declined,
    Delivered,
    Event,
    Fetch,
    Held,
    NodeDown,
    NodeUp,
    Outcome,
    Reported,
    Start,
    Stop,
    Submitted,
    Tick,
)
from coordinator.core.model import TaskState
from coordinator.core.policies import POLICIES
from rpc.errors import FailureKind, RejectReason
from tests.coordinator.runs import TRAINED, VALIDATION, node, run, surveyed

NODES = st.sampled_from("abc")
OUTCOMES = st.sampled_from(
    [
        *["result"] * 8,
        Held(),
        Held(),
        Declined(RejectReason.BUSY),
        Broke(FailureKind.NODE_LOST, "reset"),
        Broke(FailureKind.BAD_UPDATE, "nan"),
    ]
)


class AnySequence(RuleBasedStateMachine):
    """Sends events in any order, also late and doubled ones, and looks at nodes, tasks and commands after each."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.session = 0
        self.arrivals = 0
        self.started: list[Start] = []
        self.stopped: set[int] = set()
        self.jobs: list[jobs.Job] = []
        self.dispatcher = Dispatcher(POLICIES["load-balancing"](), Random(0))
        self.send(Submitted(run(6, rounds=3, max_attempts=50, max_node_losses=50)))

    def send(self, event: Event) -> None:
        for command in self.dispatcher.handle(event, self.now):
            self.note(command)

    def note(self, command: Command) -> None:
        match command:
            case Start(attempt):
                assert not self.started or attempt.fence > self.started[-1].attempt.fence
                self.started.append(command)
            case Fetch(attempt):
                assert attempt in [start.attempt for start in self.started]
            case Stop(attempt):
                self.stopped.add(attempt.fence)
            case Compute(job):
                self.jobs.append(job)

    @rule(name=NODES, slots=st.integers(1, 3))
    def connect(self, name: str, slots: int) -> None:
        self.session += 1
        self.send(NodeUp(node(name, slots), self.session))

    @rule(name=NODES, age=st.integers(0, 2))
    def disconnect(self, name: str, age: int) -> None:
        found = self.dispatcher.pool.current(name)
        if found is not None:
            self.send(NodeDown(name, found.session - age, "reset"))

    @precondition(lambda self: self.started)
    @rule(back=st.one_of(st.integers(0, 5), st.integers(0, 60)), said=OUTCOMES)
    def report(self, back: int, said: str | Outcome) -> None:
        start = self.started[-1 - back % len(self.started)]
        self.arrivals += 1
        outcome = said if not isinstance(said, str) else Delivered("", surveyed(start.task.order[1]))
        if isinstance(said, str) and start.task.kind == "train":
            outcome = Delivered(f"{start.attempt.id}@{self.arrivals}", TRAINED)
        self.send(Reported(start.attempt, outcome))

    @precondition(lambda self: self.jobs)
    @rule(which=st.integers(0, 20))
    def compute(self, which: int) -> None:
        job = self.jobs.pop(which % len(self.jobs))
        match job:
            case jobs.LoadValidation():
                self.send(Computed(job, VALIDATION))
            case jobs.Validate():
                self.send(Computed(job, jobs.Score(0.5, 1.0)))
            case jobs.Seal():
                self.send(Computed(job, jobs.Sealed("blob", "sha", 8)))
            case jobs.Discard() | jobs.KeepPlan():
                pass
            case _:
                self.send(Computed(job, jobs.Done()))

    @rule(span_s=st.sampled_from([0.1, 2.0, 11.0, 40.0]), who=st.sets(NODES))
    def wait(self, span_s: float, who: set[str]) -> None:
        self.now += span_s
        for name in sorted(who):
            found = self.dispatcher.pool.current(name)
            if found is not None:
                self.send(Beat(name, found.session))
        self.send(Tick())

    @rule(really=st.integers(0, 30))
    def cancel(self, really: int) -> None:
        if really == 0:
            self.send(CancelAsked("r", "asked"))

    @invariant()
    def each_task_is_placed_once_or_has_one_rival_on_another_node(self) -> None:
        running = {fence: one for each in self.dispatcher.pool for fence, one in each.running.items()}
        wanted = [(one.task_id, one.node_id) for fence, one in running.items() if fence not in self.stopped]
        assert len(wanted) == len(set(wanted))
        tasks = self.dispatcher.work["r"].tasks.values()
        in_a_slot = [each for each in tasks if each.state in (TaskState.PLACED, TaskState.FETCHING)]
        raced = [each for each in in_a_slot if each.rival is not None]
        assert all(each.state is TaskState.PLACED for each in raced)
        assert sorted(task_id for task_id, _ in wanted) == sorted(each.spec.id for each in [*in_a_slot, *raced])
        assert all(each.attempt is not None and each.attempt.fence in running for each in in_a_slot)

    @invariant()
    def no_node_runs_more_than_its_slots(self) -> None:
        assert all(len(each.running) <= each.info.slots for each in self.dispatcher.pool)

    @invariant()
    def what_is_over_has_nothing_open(self) -> None:
        work = self.dispatcher.work["r"]
        assert not work.state.is_final or not (work.tasks or work.held or work.ready)


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = settings(
    max_examples=60, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
