"""The deadline of a round: when it closes, and what becomes of the shards that are late."""

from __future__ import annotations

from coordinator.core import jobs
from coordinator.core.deadlines import RoundDeadline
from coordinator.core.events import Compute, Computed, Delivered, Drop, Note, Reported, Stop, Tick
from coordinator.core.workload import Queue, Remark, Withdraw
from rpc.messages import ADAPTIVE
from tests.coordinator.runs import TRAINED, spec
from tests.coordinator.test_dispatcher import dispatcher_with, starts, trained
from tests.coordinator.test_training import DONE, planned


def test_a_round_closes_at_its_deadline_when_enough_shards_are_in() -> None:
    deadline = RoundDeadline(spec(min_shards=2, round_deadline_s=30.0), n_shards=3, started_at=10.0)
    assert deadline.at == 40.0
    deadline.arrived(12.0)
    deadline.passed()
    assert not deadline.closes
    deadline.arrived(55.0)
    assert deadline.closes


def test_no_more_shards_are_asked_for_than_take_part() -> None:
    deadline = RoundDeadline(spec(min_shards=9, round_deadline_s=30.0), n_shards=1, started_at=0.0)
    deadline.passed()
    deadline.arrived(31.0)
    assert deadline.closes


def test_an_adaptive_deadline_follows_from_the_first_half() -> None:
    deadline = RoundDeadline(spec(round_deadline_s=ADAPTIVE), n_shards=6, started_at=100.0)
    for at in (110.0, 111.0):
        deadline.arrived(at)
        assert deadline.at is None
    deadline.arrived(115.0)  # median 11, spread 1
    assert deadline.at == 116.5
    deadline.arrived(116.0)
    assert deadline.at == 116.5


def test_late_shards_are_left_out_named_and_do_not_count() -> None:
    work, tasks = planned(4, round_deadline_s=5.0, rounds=2)
    assert work.deadline == 5.0
    (first, second, third, _) = tasks
    work.on_result(first, "a", TRAINED, 1.0)
    (add,) = work.on_result(second, "b", TRAINED, 1.0)
    assert isinstance(add, jobs.Add)
    assert work.on_result(third, "c", TRAINED, 1.0) == []
    remark, withdraw = work.on_deadline("", 5.0)
    assert isinstance(remark, Remark) and remark.message == "not in at the round's deadline: train_x3.txt"
    assert withdraw == Withdraw("r/1/3")
    (last,) = work.on_computed(add, DONE, 5.1)
    assert last == jobs.Add("r", 1, "a", "c", (2, 0))
    assert work.on_computed(last, DONE, 5.2) == [jobs.Apply("r", 1, ("a",), 100 + 101 + 102)]
    work.on_computed(jobs.Apply("r", 1, ("a",), 303), DONE, 5.2)
    assert work.figures[0].left_out == (3,)
    work.on_computed(jobs.Validate("r", 1), jobs.Score(0.5, loss=1.0), 5.2)
    steps = work.on_computed(jobs.Keep("r", 1), DONE, 5.3)  # the choice is committed before anything is built on it
    assert [step.task.order for step in steps if isinstance(step, Queue)] == [(2, shard) for shard in range(4)]
    assert work.deadline == 5.3 + 5.0


def test_without_enough_shards_a_round_goes_on_after_its_deadline() -> None:
    work, tasks = planned(2, round_deadline_s=5.0)
    left, right = tasks
    assert work.on_deadline("", 5.0) == []
    assert work.deadline == 86400.0
    steps = work.on_result(right, "b", TRAINED, 6.0)
    assert steps[1:] == [Withdraw(left.id), jobs.Apply("r", 1, ("b",), 101)]


def test_a_round_whose_shards_are_all_in_leaves_none_out() -> None:
    work, tasks = planned(2, round_deadline_s=5.0)
    add: list[object] = []
    for task in tasks:
        add += work.on_result(task, task.id, TRAINED, 1.0)
    assert len(add) == 1
    assert work.on_deadline("", 5.0) == []


def test_a_straggler_is_stopped_and_its_late_result_refused() -> None:
    dispatcher = dispatcher_with("a", "b")
    first, second = trained(dispatcher, 2, round_deadline_s=5.0, rounds=2)
    dispatcher.handle(Reported(first.attempt, Delivered("v", TRAINED)), 1.0)
    assert dispatcher.wake_at() <= 5.2
    commands = dispatcher.handle(Tick(), 5.2)
    assert Stop(second.attempt) in commands
    assert "left out" in [command.kind for command in commands if isinstance(command, Note)]
    (apply,) = [command.job for command in commands if isinstance(command, Compute)]
    assert starts(dispatcher.handle(Computed(apply, jobs.Done()), 5.3)) == []  # not before the round is committed
    dispatcher.handle(Computed(jobs.Validate("r", 1), jobs.Score(0.5, loss=1.0)), 5.3)
    again = starts(dispatcher.handle(Computed(jobs.Keep("r", 1), jobs.Done()), 5.3))
    assert [start.task.id for start in again] == ["r/2/0"]  # the other node is still busy
    late = dispatcher.handle(Reported(second.attempt, Delivered("late", TRAINED)), 6.0)
    assert Drop("late") in late
    assert [start.task.id for start in starts(late)] == ["r/2/1"]
