"""The queue: priority, then fair shares, then the order of submission; seen through a dispatcher with real runs."""

from __future__ import annotations

import time
from collections import Counter
from random import Random
from typing import Any

import pytest

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import CancelAsked, Command, Delivered, NodeUp, Reported, Start, Submitted, Tick
from coordinator.core.model import WorkState
from coordinator.core.node_facts import NodeInfo
from coordinator.core.policies import RoundRobin
from coordinator.core.settings import Settings
from coordinator.core.training import TrainingRun
from rpc.errors import FailureKind
from tests.coordinator.runs import node, spec, surveyed


class Pool:
    """A dispatcher whose runs only ever survey their shards: there are no coordinator's jobs to be done."""

    def __init__(self, *nodes: str, **shares: float) -> None:
        self.dispatcher = Dispatcher(RoundRobin(), Random(0), Settings(shares=shares))
        self.now = 0.0
        self.running: list[Start] = []
        for name in nodes:
            self.join(node(name))

    def join(self, info: NodeInfo) -> None:
        self._take(self.dispatcher.handle(NodeUp(info, session=1), self.now))

    def submit(self, run_id: str, n_shards: int = 1, **settings: Any) -> None:
        run = TrainingRun(run_id, spec(n_shards, **settings), self.now)
        self._take(self.dispatcher.handle(Submitted(run), self.now))

    def finish(self, seconds: float = 1.0) -> str:
        """Let the task that has run longest end after so long; return whose it was."""
        self.now += seconds
        for each in self.dispatcher.pool:
            each.beat_at = self.now
        start = self.running.pop(0)
        done = Delivered("", surveyed(start.task.order[1]))
        self._take(self.dispatcher.handle(Reported(start.attempt, done), self.now))
        return start.task.work_id

    def served(self, count: int, seconds: float = 1.0) -> Counter[str]:
        return Counter(self.finish(seconds) for _ in range(count))

    def waiting_for(self, run_id: str) -> str:
        return self.dispatcher.waiting_for(self.dispatcher.work[run_id])

    def state(self, run_id: str) -> WorkState:
        return self.dispatcher.work[run_id].state

    def on(self, run_id: str) -> list[str]:
        """The nodes that work on a run."""
        return [start.attempt.node_id for start in self.running if start.task.work_id == run_id]

    def _take(self, commands: list[Command]) -> None:
        self.running += [command for command in commands if isinstance(command, Start)]


def test_runs_of_one_owner_are_served_in_the_order_of_submission() -> None:
    pool = Pool("a")
    for name in ("r1", "r2", "r3"):
        pool.submit(name, n_shards=2)
    assert [pool.finish() for _ in range(6)] == ["r1", "r1", "r2", "r2", "r3", "r3"]


def test_a_run_is_pending_until_its_turn_has_come() -> None:
    pool = Pool("a")
    pool.submit("first")
    pool.submit("second")
    assert (pool.state("first"), pool.state("second")) == (WorkState.RUNNING, WorkState.PENDING)
    assert pool.waiting_for("second") == "its turn in the queue"
    pool.finish()
    assert pool.state("second") is WorkState.RUNNING


def test_a_larger_priority_goes_first_whatever_its_owner_has_had() -> None:
    pool = Pool("a")
    pool.submit("low", n_shards=3, owner="ann")
    pool.submit("high", n_shards=3, owner="bob", priority=1)
    assert [pool.finish() for _ in range(6)] == ["low", "high", "high", "high", "low", "low"]


def test_owners_get_half_each_however_many_runs_one_has() -> None:
    pool = Pool("a", "b")
    for index in range(20):
        pool.submit(f"ann{index}", n_shards=10, owner="ann")
    pool.submit("bob", n_shards=100, owner="bob")
    assert 45 <= pool.served(100)["bob"] <= 55


def test_shares_count() -> None:
    pool = Pool("a", ann=3.0)
    pool.submit("ann", n_shards=200, owner="ann")
    pool.submit("bob", n_shards=200, owner="bob")
    assert 70 <= pool.served(100)["ann"] <= 80


def test_it_is_time_on_the_nodes_that_is_shared_not_tasks() -> None:
    pool = Pool("a")
    pool.submit("short", n_shards=500, owner="ann")
    pool.submit("long", n_shards=500, owner="bob")
    served: Counter[str] = Counter()
    for _ in range(200):
        served[pool.finish(1.0 if pool.running[0].task.work_id == "short" else 4.0)] += 1
    assert 3.5 <= served["short"] / served["long"] <= 4.5


def test_who_comes_late_does_not_hold_up_the_others_to_catch_up() -> None:
    pool = Pool("a")
    pool.submit("ann", n_shards=300, owner="ann")
    pool.served(100)
    pool.submit("bob", n_shards=100, owner="bob")
    assert 45 <= pool.served(100)["bob"] <= 55


def test_a_run_uses_at_most_its_number_of_nodes() -> None:
    pool = Pool("a", "b", "c")
    pool.submit("few", n_shards=9, max_nodes=2)
    assert pool.on("few") == ["b", "c"]
    pool.submit("rest", n_shards=9)
    assert pool.on("rest") == ["a"]
    for _ in range(12):
        pool.finish()
        assert len(set(pool.on("few"))) <= 2


def test_a_run_begins_when_enough_suitable_nodes_are_there() -> None:
    pool = Pool("a")
    pool.submit("many", n_shards=3, min_nodes=2)
    pool.submit("small")
    assert pool.waiting_for("many") == "2 compute nodes that suit it (--min-nodes): 1 of them are here"
    assert (pool.on("many"), pool.on("small")) == ([], ["a"])
    pool.join(node("b", numeric_class="sse"))
    assert pool.on("many") == []
    pool.join(node("c"))
    assert pool.on("many") == ["c", "b"]  # any class will do for a survey


def test_only_nodes_with_the_labels_work_on_a_run_that_selects() -> None:
    pool = Pool("a")
    pool.submit("picky", n_shards=3, select={"gpu": "a100"})
    assert pool.on("picky") == []
    assert pool.waiting_for("picky") == "a compute node with gpu=a100 (--select): none of 1 has that"
    pool.join(NodeInfo("b", labels={"gpu": "a100", "os": "linux"}))
    assert pool.on("picky") == ["b"]


def test_a_run_that_nobody_suits_does_not_hold_up_the_next() -> None:
    pool = Pool("a", "b")
    pool.submit("picky", priority=9, select={"gpu": "a100"})
    pool.submit("any", n_shards=2)
    assert sorted(pool.on("any")) == ["a", "b"]


def test_pending_runs_can_be_cancelled_and_time_out() -> None:
    pool = Pool("a")
    pool.submit("first")
    pool.submit("second")
    pool.submit("third", run_timeout_s=5.0)
    pool.dispatcher.handle(CancelAsked("second", "enough"), 1.0)
    pool.dispatcher.handle(Tick(), 6.0)
    assert pool.state("second") is WorkState.CANCELLED
    third = pool.dispatcher.work["third"]
    assert (third.state, third.failure) == (WorkState.FAILED, FailureKind.NO_CAPACITY)
    assert "its turn in the queue" in third.reason
    pool.submit("fourth")
    pool.finish()
    assert pool.on("fourth") == ["a"]


def test_a_key_is_known_as_long_as_its_run() -> None:
    pool = Pool()
    pool.submit("r", owner="ann", key="monday")
    assert pool.dispatcher.by_key == {("ann", "monday"): "r"}


@pytest.mark.parametrize("settings", [{}, {"select": {"gpu": "a100"}}, {"min_nodes": 5}])
def test_ten_thousand_waiting_runs_do_not_slow_an_event(settings: dict[str, Any]) -> None:
    def events_per_second(n_waiting: int) -> float:
        pool = Pool("a", "b")
        pool.submit("busy", n_shards=2_000, owner="ann", priority=1)
        for index in range(n_waiting):
            pool.submit(f"r{index}", owner=f"owner{index % 100}", **settings)
        started = time.process_time()
        pool.served(300, seconds=0.001)
        return 300 / (time.process_time() - started)

    few = max(events_per_second(10) for _ in range(3))
    assert max(events_per_second(10_000) for _ in range(2)) > few / 3
