"""Why a run waits, goes on, or ended as it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from coordinator.core.events import Broke, Declined, Reported, Tick
from coordinator.core.model import Attempt, WorkState
from coordinator.core.policies import Candidate
from coordinator.core.rounds import RoundFigures
from coordinator.core.scores import Scores
from coordinator.core.workload import Trained
from coordinator.round_story import round_story
from coordinator.store.changes import RoundCommitted, RoundDone, WorkEnded, WorkProgressed, WorkStarted
from rpc.errors import FailureKind, NotFound, RejectReason
from rpc.messages import Reason, RoundRow
from tests.coordinator.why.scene import Scene, texts

SceneWith = Callable[..., Scene]


def live(scene: Scene, task_id: str) -> Attempt:
    attempt = scene.dispatcher.work[task_id.partition("/")[0]].tasks[task_id].attempt
    assert attempt is not None
    return attempt


def test_a_run_without_nodes_says_so_and_what_to_do(scene_with: SceneWith) -> None:
    scene = scene_with()
    scene.submit("run-1")
    why = scene.why("run-1")
    assert why.answer == "run-1 is pending: it waits for a compute node: none is connected."
    assert why.reasons[0] == Reason(
        "waiting", "it waits for a compute node: none is connected", 0,
        "start a node with `python compute_node.py --join HOST:PORT`, or add one with `client.py nodes add`",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"select": {"gpu": "v"}}, "a compute node with gpu=v (--select): none of 1 has that"),
        ({"min_nodes": 3}, "3 compute nodes that suit it (--min-nodes): 1 of them are here"),
        ({"threads": 2}, "a compute node that has tested itself for float32 on 2 threads"),
    ],
)
def test_what_is_missing_is_named_with_advice(scene_with: SceneWith, settings: dict[str, Any], text: str) -> None:
    scene = scene_with("a")
    scene.submit("run-1", **settings)
    first = scene.why("run-1").reasons[0]
    assert (first.about, first.text) == ("waiting", f"it waits for {text}") and first.advice


def test_a_run_that_waits_for_its_turn_names_those_before_it(scene_with: SceneWith) -> None:
    scene = scene_with("a")
    scene.submit("run-0", 3)
    scene.submit("run-1")
    scene.submit("run-2", priority=5)
    scene.submit("run-3", priority=5, select={"gpu": "v"})
    why = scene.why("run-1")
    assert why.answer == "run-1 is pending: it waits for its turn in the queue."
    assert texts(why, "queue") == ["before it by priority, share or submission: run-2, run-0"], (
        "run-3 takes nothing away"
    )


def test_while_the_store_fails_that_is_the_answer(scene_with: SceneWith) -> None:
    scene = scene_with("a")
    scene.submit("run-1")
    answer = scene.why("run-1", store_fault="store s.db: disk full").answer
    assert answer == "run-1 is running: nothing new begins while the store fails: store s.db: disk full."


def test_set_backs_are_counted_and_failures_told_one_by_one(scene_with: SceneWith) -> None:
    scene = scene_with("a", "b")
    scene.submit("run-1")
    declined, failing = live(scene, "run-1/0/0"), live(scene, "run-1/0/1")
    scene.handle(Reported(declined, Declined(RejectReason.BUSY, "busy")), now=1.0)
    scene.handle(Reported(failing, Broke(FailureKind.INTERNAL, "it broke")), now=2.0)
    why = scene.why("run-1")
    assert why.answer == "run-1 runs: 0 of 1 round done, nothing keeps it waiting."
    assert texts(why, "retry") == [
        "1 attempt failed (internal 1); each was tried again",
        "1 attempt rejected, which is no failure (busy 1); each was tried again",
        f"task run-1/0/1 failed on {failing.node_id} (internal): it broke",
    ]


def test_the_critical_path_of_the_last_and_the_slowest_round_is_told(scene_with: SceneWith) -> None:
    scene = scene_with()
    scene.submit("run-1")
    scene.remember(WorkStarted("run-1", 1000), *(done(number, 5.0 - number) for number in (1, 2)))
    scene.remember(WorkProgressed("run-1", 2, 2, 4, 4), WorkEnded("run-1", WorkState.COMPLETED, 9000))
    scene.remember(RoundCommitted("run-1", 1, 0.25))
    del scene.dispatcher.work["run-1"]
    why = scene.why("run-1")
    assert why.answer == "run-1 completed 2 rounds in 8 s."
    assert texts(why, "critical path") == [
        "the slowest, round 1 took 4 s; what came last was shard 8 on b (task run-1/1/7): 1.5 s until it had a slot,"
        " 500 ms sending, 1.5 s computing, 500 ms receiving; then 10 ms adding, 20 ms validating, stored 250 ms after"
        " the average",
        "round 2 took 3 s; what came last was shard 8 on b (task run-1/2/7): 500 ms until it had a slot, 500 ms"
        " sending, 1.5 s computing, 500 ms receiving; then 10 ms adding, 20 ms validating",
    ]
    assert texts(why, "placement") == [
        "at the first task of round 2 load-balancing saw 3 free slots on 2 nodes and takes the node that should be done"
        " first: a (0 of 1 busy, 250 ms a task), then b (1 of 3 busy)"
    ]


def test_what_another_run_did_before_a_branch_is_not_told_as_its_own(scene_with: SceneWith) -> None:
    scene = scene_with()
    scene.submit("run-1", parent="run-0", parent_round=1)
    scene.remember(WorkStarted("run-1", 1000), *(done(number, 5.0 - number) for number in (1, 2)))
    assert "task run-1/1/" not in str(scene.why("run-1").reasons)
    scene.remember(WorkProgressed("run-1", 2, 2, 4, 4), WorkEnded("run-1", WorkState.COMPLETED, 4000))
    del scene.dispatcher.work["run-1"]
    why = scene.why("run-1")
    assert why.answer == "run-1 completed 1 round in 3 s."
    (path,) = texts(why, "critical path")
    assert path.startswith("round 2 took 3 s; what came last was shard 8 on b (task run-1/2/7)")


def done(number: int, took_s: float) -> RoundDone:
    figures = RoundFigures(number, 10.0, seconds=took_s, reduce_s=0.01, validate_s=0.02)
    figures.add(Trained(1.0, 1, 0.5, 1.5, 0.5, node="b"), 7, 10.0 + took_s)
    scores = Scores("load-balancing", 2, 3, (Candidate("a", 0, 1, 0.25), Candidate("b", 1, 3)))
    return RoundDone("run-1", figures.row(), round_story(figures, scores))


def test_a_round_that_closed_at_its_deadline_says_without_whom(scene_with: SceneWith) -> None:
    scene = scene_with()
    scene.submit("run-1")
    scene.remember(
        RoundDone("run-1", RoundRow(1, seconds=2.0), {"left_out": [0, 4]}), WorkProgressed("run-1", 1, 9, 4, 9)
    )
    del scene.dispatcher.work["run-1"]
    assert texts(scene.why("run-1"), "critical path") == [
        "round 1 took 2 s, to its deadline; left out: shard 1, shard 5"
    ]


def test_waits_of_the_past_are_told_with_their_times(scene_with: SceneWith) -> None:
    scene = scene_with()
    scene.submit("run-1")
    for now in (1.0, 2.0):
        scene.handle(Tick(), now=now)
    assert "waiting: for a compute node: none is connected" in texts(scene.why("run-1"), "event")


def test_an_unknown_run_is_one_line_with_the_nearest(scene_with: SceneWith) -> None:
    scene = scene_with()
    scene.submit("run-75d40d-1")
    for wanted, hint in (
        ("run-75d4-1", "do you mean run-75d40d-1?"),
        ("x", "`client.py runs list` or `client.py jobs list` lists them"),
    ):
        with pytest.raises(NotFound) as caught:
            scene.why(wanted)
        assert str(caught.value) == f"no run or job is called {wanted!r}; {hint}"
