"""A node that keeps the result of a task gets the task: nothing is trained twice that need not be."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import Broke, Clear, NodeDown, NodeUp, Reported, Start, Stop, Submitted
from coordinator.core.node_facts import NodeInfo
from coordinator.core.policies import RoundRobin
from rpc.errors import FailureKind
from tests.coordinator.runs import node, run
from tests.coordinator.test_placement import Scene


def keeping(name: str, *tasks: str, slots: int = 1, numeric_class: str = "avx2") -> NodeInfo:
    return replace(node(name, slots, numeric_class), kept=tasks)


def scene(*nodes: NodeInfo, n_tasks: int) -> Scene:
    made = Scene(n_tasks=n_tasks)
    for info in nodes:
        made.pool.up(info, 1, 0.0)
    return made


def test_a_kept_result_goes_before_policy_data_and_what_happened_on_the_node() -> None:
    kept = scene(node("a"), node("b"), keeping("c", "t0"), n_tasks=2)
    kept.work.holders["blob0"] = "b"
    kept.task(0).avoid.add("c")
    assert kept.place() == [("t0", "c"), ("t1", "a")]


def test_results_wait_for_their_node_while_it_hands_others_over() -> None:
    kept = scene(node("a"), keeping("b", "t0", "t1"), n_tasks=3)
    assert kept.place() == [("t0", "b"), ("t2", "a")]
    attempt = kept.task(0).attempt
    assert attempt is not None
    kept.pool.vacate(attempt)
    assert kept.place() == [("t1", "b")]


def test_nobody_waits_for_a_node_that_is_busy_with_other_work() -> None:
    kept = scene(keeping("b", "t1"), n_tasks=1)
    assert kept.place() == [("t0", "b")]
    kept.book.add(kept.work, kept.task().spec._replace(id="t1"), 0.0)
    kept.pool.up(node("a"), 1, 0.0)
    assert kept.place() == [("t1", "a")]


def test_the_hint_holds_for_one_attempt() -> None:
    kept = scene(node("a"), keeping("b", "t0"), n_tasks=1)
    assert kept.place() == [("t0", "b")]
    task = kept.task()
    assert task.attempt is not None
    kept.pool.vacate(task.attempt)
    kept.book.requeue(kept.work, task, 1.0)
    assert kept.place() == [("t0", "a")]


def test_a_node_that_declines_or_computes_other_bits_is_not_asked_for_what_it_keeps() -> None:
    kept = scene(keeping("b", "t0"), node("c"), n_tasks=1)
    kept.task().refused_by.add("b")
    assert kept.place() == [("t0", "c")]
    other = scene(keeping("b", "t0", numeric_class="sse"), node("c"), n_tasks=1)
    other.work.numeric_class = "avx2"
    assert other.place() == [("t0", "c")]


def test_what_a_node_said_before_is_forgotten_when_it_connects_anew() -> None:
    kept = scene(node("a"), keeping("b", "t0"), n_tasks=1)
    kept.pool.up(node("b"), 2, 1.0)
    assert kept.place() == [("t0", "a")]


def test_a_node_that_is_gone_is_not_waited_for() -> None:
    kept = scene(node("a"), keeping("b", "t0"), n_tasks=1)
    gone = kept.pool.get("b", 1)
    assert gone is not None
    kept.pool.down(gone, "reset")
    assert kept.place() == [("t0", "a")]


def dispatcher_with(*nodes: NodeInfo) -> Dispatcher:
    dispatcher = Dispatcher(RoundRobin(), Random(0))
    for info in nodes:
        dispatcher.handle(NodeUp(info, session=1), 0.0)
    return dispatcher


def test_a_task_goes_back_to_the_node_that_went_on_with_it() -> None:
    dispatcher = dispatcher_with(node("a"))
    dispatcher.handle(Submitted(run(1)), 0.0)
    dispatcher.handle(NodeDown("a", 1, "reset"), 1.0)
    commands = dispatcher.handle(NodeUp(keeping("a", "r/0/0"), session=2), 3.0)
    assert [each.attempt.node_id for each in commands if isinstance(each, Start)] == ["a"]
    assert not any(isinstance(command, Clear) for command in commands), "the run goes on"


def test_a_node_is_told_to_forget_what_it_keeps_of_work_that_is_over() -> None:
    dispatcher = dispatcher_with()
    dispatcher.handle(Submitted(run(1)), 0.0)
    commands = dispatcher.handle(NodeUp(keeping("a", "r/1/0", "old/7/3", "old/7/4"), session=1), 1.0)
    assert [command for command in commands if isinstance(command, Clear)] == [Clear("a", 1, "old")]


def test_the_result_of_a_bad_update_need_not_be_kept() -> None:
    dispatcher = dispatcher_with(node("a"))
    (start,) = [each for each in dispatcher.handle(Submitted(run(1)), 0.0) if isinstance(each, Start)]
    commands = dispatcher.handle(Reported(start.attempt, Broke(FailureKind.BAD_UPDATE, "damaged")), 1.0)
    assert Stop(start.attempt) in commands
