"""Placement: which node gets which task, and what a task waits for that gets none."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from coordinator.core.bindings import Bindings
from coordinator.core.events import Broke, Command, Start
from coordinator.core.model import Task, TaskState, Work, WorkState
from coordinator.core.owners import Owners
from coordinator.core.placement import Placement
from coordinator.core.policies import RoundRobin
from coordinator.core.pool import NodePool, PoolSettings
from coordinator.core.queue import WorkQueue
from coordinator.core.retry import Backoff
from coordinator.core.settings import Settings
from coordinator.core.suitability import waiting_for
from coordinator.core.tasks import TaskBook
from coordinator.core.verdicts import after_failure
from coordinator.core.workload import SurveyPayload, TaskSpec
from rpc.errors import FailureKind
from tests.coordinator.runs import CLASS_KEY, node, run


class Scene:
    """Nodes and one piece of work, with what places its tasks on them."""

    def __init__(self, *nodes: tuple[str, str], n_tasks: int = 1, key: str = CLASS_KEY, **settings: Any) -> None:
        self.pool = NodePool(RoundRobin(), PoolSettings())
        owners = Owners({})
        queue = WorkQueue(owners)
        self.book = TaskBook(queue)
        bindings, settled = Bindings(self.pool, self.book), Settings(decline_backoff=Backoff(0.1, 1.0))
        self.placement = Placement(self.pool, queue, self.book, bindings, settings=settled, rng=Random(0))
        self.work = Work(run(**settings), submitted_at=0.0, number=1, owner=owners.joins(""))
        self.work.become(WorkState.RUNNING, 0.0)
        self.work.is_begun = True
        for name, numeric_class in nodes:
            self.pool.up(node(name, numeric_class=numeric_class), 1, 0.0)
        for index in range(n_tasks):
            spec = TaskSpec(f"t{index}", "r", "survey", (0, index), SurveyPayload(index), f"blob{index}", key)
            self.book.add(self.work, spec, 0.0)

    def task(self, index: int = 0) -> Task:
        return self.work.tasks[f"t{index}"]

    def place(self, now: float = 1.0) -> list[tuple[str, str]]:
        """Place what can be placed; return (task, node) pairs."""
        return pairs(self.placement.place(lambda work, now: None, now))

    def waits_for(self) -> str:
        return waiting_for(self.work, self.pool)


def pairs(commands: Sequence[Command]) -> list[tuple[str, str]]:
    return [(command.task.id, command.attempt.node_id) for command in commands if isinstance(command, Start)]


def test_tasks_are_placed_in_their_order_as_far_as_slots_go() -> None:
    scene = Scene(("a", "avx2"), ("b", "avx2"), n_tasks=3)
    assert scene.place() == [("t0", "a"), ("t1", "b")]
    assert scene.place() == []
    assert scene.waits_for() == ""


def test_a_run_stays_in_the_numeric_class_with_most_slots() -> None:
    scene = Scene(("a", "sse"), ("b", "avx2"), ("c", "avx2"), n_tasks=3)
    assert scene.place() == [("t0", "b"), ("t1", "c")]
    assert (scene.work.numeric_class, scene.work.classes_used) == ("avx2", {"avx2"})


def test_mixed_classes_use_every_node_and_are_told() -> None:
    scene = Scene(("a", "sse"), ("b", "avx2"), n_tasks=2, mixed_classes=True)
    assert scene.place() == [("t0", "a"), ("t1", "b")]
    assert scene.work.classes_used == {"sse", "avx2"}


def test_a_survey_runs_in_any_class() -> None:
    scene = Scene(("a", "sse"), ("b", "avx2"), n_tasks=2, key="")
    assert len(scene.place()) == 2
    assert scene.work.numeric_class is None


def test_a_run_whose_class_is_gone_waits_and_says_so() -> None:
    scene = Scene(("a", "avx2"))
    scene.work.numeric_class = "sse"
    assert scene.place() == []
    assert scene.waits_for() == "a compute node of numeric class sse (float32/1); --mixed-classes allows others"


def test_a_node_whose_self_test_is_not_done_gets_no_training() -> None:
    scene = Scene(("a", "avx2"), key="float64/2")
    assert scene.place() == []
    assert scene.waits_for() == "a compute node that has tested itself for float64 on 2 threads"


def test_a_task_goes_to_nodes_that_have_not_declined_it() -> None:
    scene = Scene(("a", "avx2"), ("b", "avx2"))
    scene.task().refused_by.add("a")
    assert scene.place() == [("t0", "b")]


def test_a_task_that_all_declined_is_delayed_and_may_go_anywhere_again() -> None:
    scene = Scene(("a", "avx2"), ("b", "avx2"))
    scene.task().refused_by.update("ab")
    assert scene.place() == []
    assert scene.waits_for() == "a compute node that accepts: all 2 decline"
    assert scene.book.next_wake is not None
    scene.book.wake(scene.book.next_wake)
    assert scene.place() == [("t0", "a")]


def test_a_node_where_a_task_failed_gets_it_only_when_no_other_is_left() -> None:
    scene = Scene(("a", "avx2"), ("b", "avx2"))
    scene.task().avoid.add("a")
    assert scene.place() == [("t0", "b")]
    alone = Scene(("a", "avx2"))
    alone.task().avoid.add("a")
    assert alone.place() == [("t0", "a")]


def test_a_busy_node_is_waited_for_when_the_free_one_failed_the_task() -> None:
    scene = Scene(("a", "avx2"), ("b", "avx2"), n_tasks=2)
    scene.task(0).avoid.add("b")
    scene.task(1).avoid.add("b")
    assert scene.place() == [("t0", "a")]


@pytest.mark.parametrize(("has_failed", "patience_s"), [(False, 2.0), (True, 30.0)])
def test_a_busy_node_is_not_waited_for_for_ever(has_failed: bool, patience_s: float) -> None:
    scene = Scene(("a", "avx2"), ("b", "avx2"), n_tasks=2)
    assert scene.place() == [("t0", "a"), ("t1", "b")]
    task = scene.task(1)
    (task.avoid if has_failed else task.refused_by).add("b")
    assert task.attempt is not None
    scene.pool.vacate(task.attempt)
    scene.book.requeue(scene.work, task, 1.0)
    assert scene.place(1.0 + patience_s) == []
    assert scene.place(1.1 + patience_s) == [("t1", "b")]


def test_a_node_that_could_not_be_given_a_shard_twice_is_asked_for_it_no_more() -> None:
    scene, asked = Scene(("a", "avx2"), ("b", "avx2"), n_tasks=0), ""
    for number in (1, 2, 3, 4):
        spec = TaskSpec(f"t{number}", "r", "train", (number, 0), SurveyPayload(0), "blob")
        task = scene.book.add(scene.work, spec, 0.0)
        while task.state is not TaskState.DONE:
            ((_, node_id),) = scene.place()
            asked += node_id
            assert task.attempt is not None
            scene.pool.vacate(task.attempt)
            if node_id == "a":
                assert after_failure(scene.work, task, "a", Broke(FailureKind.MISSING_BLOB, "damaged")) is None
                scene.book.requeue(scene.work, task, 2.0)
            else:
                scene.book.close(scene.work, task, TaskState.DONE, 2.0)
    assert asked == "ab" + "ab" + "b" + "b"


def test_one_task_that_nobody_free_may_have_does_not_hold_up_the_next() -> None:
    scene = Scene(("a", "avx2"), ("b", "avx2"), n_tasks=3)
    scene.task(0).avoid.add("b")
    scene.task(1).avoid.add("b")
    assert scene.place() == [("t0", "a"), ("t2", "b")]


def test_without_nodes_a_task_waits_for_one() -> None:
    scene = Scene()
    assert scene.place() == []
    assert scene.waits_for() == "a compute node: none is connected"
