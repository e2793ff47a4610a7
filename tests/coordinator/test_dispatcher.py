"""The dispatcher: events in, commands compared."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

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
    Disconnect,
    Drop,
    Event,
    Fetch,
    Forget,
    Held,
    NodeDown,
    NodeUp,
    Note,
    Outcome,
    Release,
    Reported,
    SetBack,
    Start,
    Stop,
    Submitted,
    Tick,
)
from coordinator.core.model import Attempt, NodeState, TaskState, WorkState
from coordinator.core.policies import LoadBalancing
from coordinator.core.pool import PoolSettings
from coordinator.core.settings import Settings
from coordinator.core.training import TrainingRun
from rpc.errors import FailureKind, RejectReason
from tests.coordinator.runs import TRAINED, VALIDATION, attempt, node, run, spec, surveyed

LEASE_S = PoolSettings().lease_s
LOST = Broke(FailureKind.NODE_LOST, "connection reset")
BUSY = Declined(RejectReason.BUSY)


def dispatcher_with(*nodes: str, slots: int = 1) -> Dispatcher:
    dispatcher = Dispatcher(LoadBalancing(), Random(0), Settings())
    for name in nodes:
        dispatcher.handle(NodeUp(node(name, slots), session=1), 0.0)
    return dispatcher


def submit(dispatcher: Dispatcher, n_shards: int = 1, **settings: Any) -> list[Start]:
    """Submit a run; return what it starts."""
    return starts(dispatcher.handle(Submitted(run(n_shards, **settings)), 0.0))


def starts(commands: Sequence[Command]) -> list[Start]:
    return [command for command in commands if isinstance(command, Start)]


def orders(commands: Sequence[Command]) -> list[Command]:
    """The commands without notes."""
    return [command for command in commands if not isinstance(command, Note | SetBack)]


def notes(commands: Sequence[Command]) -> list[str]:
    return [command.kind for command in commands if isinstance(command, Note)]


def report(dispatcher: Dispatcher, which: Attempt, outcome: Outcome, now: float = 1.0) -> list[Command]:
    return dispatcher.handle(Reported(which, outcome), now)


def trained(dispatcher: Dispatcher, n_shards: int = 1, **settings: Any) -> list[Start]:
    """Bring a run to its first training tasks."""
    waiting = submit(dispatcher, n_shards, **settings)
    dispatcher.handle(Computed(jobs.LoadValidation("r"), VALIDATION), 0.0)
    while waiting:
        survey = waiting.pop(0)
        done = Delivered("", surveyed(survey.task.order[1]))
        commands = report(dispatcher, survey.attempt, done, 0.1)
        waiting += starts(commands)
    (init,) = [
        command.job for command in commands if isinstance(command, Compute) and isinstance(command.job, jobs.Init)
    ]
    return starts(dispatcher.handle(Computed(init, jobs.Done()), 0.2))


def state_of(dispatcher: Dispatcher, task: str) -> TaskState:
    return dispatcher.work["r"].tasks[f"r/{task}"].state


def running(dispatcher: Dispatcher, node_id: str) -> int:
    found = dispatcher.pool.current(node_id)
    assert found is not None
    return len(found.running)


def test_a_task_goes_to_a_free_node_and_its_result_to_the_run() -> None:
    dispatcher = dispatcher_with("a")
    (first,) = trained(dispatcher)
    assert first.attempt == attempt("1/0", 2, "a")
    commands = report(dispatcher, first.attempt, Delivered("v", TRAINED))
    assert orders(commands) == [Compute(jobs.Apply("r", 1, ("v",), 100))]
    assert running(dispatcher, "a") == 0


def test_a_lost_nodes_task_goes_to_another_node() -> None:
    dispatcher = dispatcher_with("a", "b")
    (first,) = submit(dispatcher)
    assert first.attempt == attempt("0/0", 1, "a")
    (second,) = orders(dispatcher.handle(NodeDown("a", 1, "reset"), 1.0))
    assert isinstance(second, Start) and second.attempt == attempt("0/0", 2, "b")


def test_a_task_waits_when_the_only_node_is_lost_and_starts_when_it_is_back() -> None:
    dispatcher = dispatcher_with("a")
    submit(dispatcher)
    assert orders(dispatcher.handle(NodeDown("a", 1, "reset"), 1.0)) == []
    assert dispatcher.waiting_for(dispatcher.work["r"]) == "a compute node: none is connected"
    (start,) = starts(dispatcher.handle(NodeUp(node("a"), session=2), 2.0))
    assert start.attempt == attempt("0/0", 2, "a", session=2)


def test_a_silent_node_is_given_up_at_the_end_of_its_lease() -> None:
    dispatcher = dispatcher_with("a", "b")
    submit(dispatcher)
    dispatcher.handle(Beat("a", 1), 4.0)
    dispatcher.handle(Beat("b", 1), 9.0)
    assert orders(dispatcher.handle(Tick(), 4.0 + LEASE_S)) == []
    gone, start = orders(dispatcher.handle(Tick(), 5.0 + LEASE_S))
    assert isinstance(gone, Disconnect) and (gone.node_id, gone.session) == ("a", 1)
    assert isinstance(start, Start) and start.attempt.node_id == "b"


def test_a_late_result_is_refused_and_its_vector_dropped() -> None:
    dispatcher = dispatcher_with("a", "b")
    (first,) = trained(dispatcher)
    dispatcher.handle(NodeDown(first.attempt.node_id, 1, "reset"), 1.0)
    late = report(dispatcher, first.attempt, Delivered("late", TRAINED), 2.0)
    assert orders(late) == [Drop("late")]
    assert notes(late) == ["stale"]
    assert state_of(dispatcher, "1/0") is TaskState.PLACED


def test_a_doubled_result_is_refused() -> None:
    dispatcher = dispatcher_with("a")
    first, *_ = trained(dispatcher, 2)
    report(dispatcher, first.attempt, Delivered("v", TRAINED))
    assert orders(report(dispatcher, first.attempt, Delivered("again", TRAINED))) == [Drop("again")]
    assert running(dispatcher, "a") == 1  # the second task, untouched


def test_the_end_of_an_earlier_session_changes_nothing() -> None:
    dispatcher = dispatcher_with("a")
    submit(dispatcher)
    (start,) = starts(dispatcher.handle(NodeUp(node("a"), session=2), 1.0))
    assert start.attempt.session == 2
    assert dispatcher.handle(NodeDown("a", 1, "reset"), 1.1) == []
    assert dispatcher.handle(NodeUp(node("a"), session=1), 1.2) == []


def test_rejection_is_no_failure_and_the_task_goes_elsewhere() -> None:
    dispatcher = dispatcher_with("a", "b")
    (first,) = submit(dispatcher, max_attempts=1)
    (second,) = starts(report(dispatcher, first.attempt, BUSY))
    assert second.attempt.node_id == "b"
    assert (dispatcher.work["r"].rejections, dispatcher.work["r"].retries) == (1, 0)


def test_a_task_that_all_decline_waits_and_is_offered_again() -> None:
    dispatcher = dispatcher_with("a")
    (first,) = submit(dispatcher)
    assert starts(report(dispatcher, first.attempt, BUSY)) == []
    assert dispatcher.waiting_for(dispatcher.work["r"]) == "a compute node that accepts: all 1 decline"
    assert dispatcher.wake_at() <= 3.0
    (again,) = starts(dispatcher.handle(Tick(), 3.0))
    assert again.attempt == attempt("0/0", 2, "a")


def test_a_failed_task_is_tried_again_later_and_elsewhere_if_it_can() -> None:
    dispatcher = dispatcher_with("a", "b")
    (first,) = submit(dispatcher)
    assert starts(report(dispatcher, first.attempt, Broke(FailureKind.BAD_UPDATE, "nan"))) == []
    (second,) = starts(dispatcher.handle(Tick(), 2.0))
    assert second.attempt.node_id == "b"
    report(dispatcher, second.attempt, Broke(FailureKind.BAD_UPDATE, "nan"), 2.1)
    (third,) = starts(dispatcher.handle(Tick(), 4.0))  # all are avoided now, so none is
    assert third.attempt.fence == 3


def test_a_task_that_fails_too_often_is_poison() -> None:
    dispatcher = dispatcher_with("a")
    (start,) = submit(dispatcher, max_attempts=2)
    report(dispatcher, start.attempt, Broke(FailureKind.INTERNAL, "bug"), 1.0)
    (again,) = starts(dispatcher.handle(Tick(), 3.0))
    commands = report(dispatcher, again.attempt, Broke(FailureKind.INTERNAL, "bug"), 3.1)
    assert orders(commands) == [Release("r")]
    assert dispatcher.work["r"].failure is FailureKind.POISON


def test_a_task_that_loses_three_nodes_is_poison() -> None:
    dispatcher = dispatcher_with("a", "b", "c", "d")
    submit(dispatcher)
    for name in "abc":
        commands = dispatcher.handle(NodeDown(name, 1, "reset"), 1.0)
    assert orders(commands) == [Release("r")]
    work = dispatcher.work["r"]
    assert (work.state, work.failure) == (WorkState.FAILED, FailureKind.POISON)
    assert "a, b, c" in work.reason


def test_nodes_that_leave_in_good_order_speak_against_no_task() -> None:
    dispatcher = dispatcher_with("a", "b", "c", "d")
    submit(dispatcher)
    for name in "abc":
        dispatcher.handle(Beat(name, 1, is_leaving=True), 1.0)
        dispatcher.handle(NodeDown(name, 1, "it has ended"), 1.0)
    assert dispatcher.work["r"].state is WorkState.RUNNING


def test_divergence_is_tried_once_more_and_blames_no_node() -> None:
    dispatcher = dispatcher_with("a", "b")
    (start,) = trained(dispatcher)
    report(dispatcher, start.attempt, Broke(FailureKind.DIVERGED, "loss is nan"), 1.0)
    (again,) = starts(dispatcher.handle(Tick(), 2.0))
    assert again.attempt.node_id != start.attempt.node_id
    report(dispatcher, again.attempt, Broke(FailureKind.DIVERGED, "loss is nan"), 2.1)
    assert dispatcher.work["r"].failure is FailureKind.DIVERGED
    assert [found.failed for found in dispatcher.pool] == [0, 0]


def test_a_cancelled_run_stops_its_attempts_which_keep_their_slots_until_they_report() -> None:
    dispatcher = dispatcher_with("a")
    (start,) = submit(dispatcher)
    commands = dispatcher.handle(CancelAsked("r", "asked by a client"), 1.0)
    assert orders(commands) == [Stop(start.attempt), Release("r")]
    assert dispatcher.work["r"].state is WorkState.CANCELLED
    assert running(dispatcher, "a") == 1
    report(dispatcher, start.attempt, Broke(FailureKind.CANCELLED, "stopped"))
    assert running(dispatcher, "a") == 0
    assert dispatcher.handle(CancelAsked("r", "twice"), 2.0) == []


def test_a_run_that_is_over_refuses_what_still_comes() -> None:
    dispatcher = dispatcher_with("a")
    (start,) = trained(dispatcher)
    dispatcher.handle(CancelAsked("r", "asked"), 1.0)
    assert orders(report(dispatcher, start.attempt, Delivered("v", TRAINED))) == [Drop("v")]
    assert dispatcher.handle(Computed(jobs.Apply("r", 1, ("v",), 1), jobs.Done()), 2.0) == []
    assert running(dispatcher, "a") == 0


def test_a_run_ends_at_its_timeout() -> None:
    dispatcher = dispatcher_with()
    submit(dispatcher, run_timeout_s=60.0)
    assert orders(dispatcher.handle(Tick(), 59.0)) == []
    assert orders(dispatcher.handle(Tick(), 60.0)) == [Release("r")]
    assert dispatcher.work["r"].failure is FailureKind.NO_CAPACITY


def test_a_large_result_that_is_next_is_fetched_at_once() -> None:
    dispatcher = dispatcher_with("a")
    (start,) = trained(dispatcher)
    assert orders(report(dispatcher, start.attempt, Held())) == [Fetch(start.attempt, start.task)]
    assert (state_of(dispatcher, "1/0"), running(dispatcher, "a")) == (TaskState.FETCHING, 1)
    assert report(dispatcher, start.attempt, Held()) == []  # said twice


def held_back(dispatcher: Dispatcher) -> list[Start]:
    """Start six tasks and have the last report first: shard 5 is too far from shard 0 to be fetched."""
    started = trained(dispatcher, 6)
    assert orders(report(dispatcher, started[5].attempt, Held())) == []
    return started


def test_a_large_result_that_is_far_from_next_stays_on_its_node() -> None:
    dispatcher = dispatcher_with("a", "b", slots=3)
    started = held_back(dispatcher)
    last = started[5]
    assert state_of(dispatcher, "1/5") is TaskState.HELD
    assert running(dispatcher, last.attempt.node_id) == 2
    for start in started[:2]:
        commands = report(dispatcher, start.attempt, Delivered(f"v{start.task.order[1]}", TRAINED))
    assert Fetch(last.attempt, last.task) in commands


def test_the_held_result_of_a_lost_node_is_computed_again_and_says_nothing_against_the_task() -> None:
    dispatcher = dispatcher_with("a", "b", slots=3)
    last = held_back(dispatcher)[5]
    commands = dispatcher.handle(NodeDown(last.attempt.node_id, 1, "reset"), 1.0)
    task = dispatcher.work["r"].tasks["r/1/5"]
    assert (task.state, task.lost_nodes) == (TaskState.READY, set())
    assert starts(commands) == []  # the other node is full


def test_a_held_result_is_forgotten_when_the_run_is_cancelled() -> None:
    dispatcher = dispatcher_with("a", "b", slots=3)
    last = held_back(dispatcher)[5]
    before = running(dispatcher, last.attempt.node_id)
    assert Stop(last.attempt) in dispatcher.handle(CancelAsked("r", "asked"), 1.0)
    assert running(dispatcher, last.attempt.node_id) == before


def test_a_node_that_holds_a_late_result_is_told_to_forget_it() -> None:
    dispatcher = dispatcher_with("a", "b")
    (first,) = trained(dispatcher)
    report(dispatcher, first.attempt, LOST)
    assert orders(report(dispatcher, first.attempt, Held(), 1.1)) == [Stop(first.attempt)]


def test_a_report_said_twice_does_not_free_the_slot_of_a_withdrawn_fetch() -> None:
    dispatcher = dispatcher_with("a")
    (start,) = trained(dispatcher)
    report(dispatcher, start.attempt, Held())
    dispatcher.handle(CancelAsked("r", "asked"), 1.1)
    report(dispatcher, start.attempt, Held(), 1.2)
    assert running(dispatcher, "a") == 1
    report(dispatcher, start.attempt, Broke(FailureKind.CANCELLED, "stopped"), 1.3)
    assert running(dispatcher, "a") == 0


def test_a_node_that_fails_repeatedly_is_quarantined_then_probed() -> None:
    dispatcher = dispatcher_with("a")
    (start,) = submit(dispatcher)
    now = 1.0
    for _ in range(2):
        report(dispatcher, start.attempt, Broke(FailureKind.PROTOCOL, "rubbish"), now)
        (start,) = starts(dispatcher.handle(Tick(), now + 2.0))
        now += 2.0
    commands = report(dispatcher, start.attempt, Broke(FailureKind.PROTOCOL, "rubbish"), now)
    assert "quarantined" in notes(commands)
    assert "in quarantine" in dispatcher.waiting_for(dispatcher.work["r"])
    for beat in range(15):
        assert starts(dispatcher.handle(Beat("a", 1), now + 2.0 * beat)) == []
    assert len(starts(dispatcher.handle(Beat("a", 1), now + 30.5))) == 1


def test_work_submitted_first_goes_first() -> None:
    dispatcher = dispatcher_with()
    submit(dispatcher, 2)
    later = run(2)
    later.id = "later"
    dispatcher.handle(Submitted(later), 0.5)
    commands = dispatcher.handle(NodeUp(node("a", slots=3), session=1), 1.0)
    assert [start.task.work_id for start in starts(commands)] == ["r", "r", "later"]


@pytest.mark.parametrize("event", [Beat("nobody", 1), NodeDown("nobody", 1, "reset"), CancelAsked("no", "")])
def test_events_of_what_is_unknown_change_nothing(event: Event) -> None:
    assert dispatcher_with("a").handle(event, 1.0) == []


def test_a_node_that_is_lost_and_back_keeps_what_is_counted_of_it() -> None:
    dispatcher = dispatcher_with("a")
    (start,) = submit(dispatcher)
    report(dispatcher, start.attempt, Broke(FailureKind.INTERNAL, "bug"))
    dispatcher.handle(NodeDown("a", 1, "reset"), 2.0)
    dispatcher.handle(NodeUp(node("a"), session=2), 3.0)
    found = dispatcher.pool.current("a")
    assert found is not None and (found.failed, found.state) == (1, NodeState.READY)


def test_of_the_work_that_is_over_only_the_newest_is_remembered() -> None:
    dispatcher = Dispatcher(LoadBalancing(), Random(0), Settings(kept_work=2))
    forgotten = []
    for number in range(4):
        work = TrainingRun(f"r{number}", spec(), submitted_at=0.0)
        dispatcher.handle(Submitted(work), 0.0)
        commands = dispatcher.handle(CancelAsked(work.id, "enough"), 1.0)
        dispatcher.work[work.id].is_remembered = True
        forgotten += [command for command in commands if isinstance(command, Forget)]
    assert forgotten == [Forget("r0"), Forget("r1")]
    assert list(dispatcher.work) == ["r2", "r3"]


def test_work_whose_end_is_not_committed_is_not_forgotten() -> None:
    dispatcher = Dispatcher(LoadBalancing(), Random(0), Settings(kept_work=0))
    for number in range(3):
        dispatcher.handle(Submitted(TrainingRun(f"r{number}", spec(), submitted_at=0.0)), 0.0)
        dispatcher.handle(CancelAsked(f"r{number}", "enough"), 1.0)
    assert list(dispatcher.work) == ["r0", "r1", "r2"]
