"""Why a task waits, is where it is, or was tried again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coordinator.core.events import Broke, Reported
from coordinator.core.model import WorkState
from coordinator.core.updates import Update, updates_to_json
from coordinator.store.changes import RoundDone, ShardSurveyed, WorkEnded
from coordinator.why.tasks import why_task
from mlcore.participation import participants
from rpc.errors import BadRequest, FailureKind, NotFound
from rpc.messages import RoundRow, ShardSummary, Why
from tests.coordinator.runs import spec
from tests.coordinator.why.scene import Scene, texts

SceneWith = Callable[..., Scene]


def why(scene: Scene, task_id: str) -> Why:
    known = task_id.partition("/")[0] in scene.dispatcher.work
    return why_task(task_id, scene.now(task_id.partition("/")[0]) if known else None, scene.reader, "")


def test_a_task_at_work_says_where_and_what_the_policy_saw(scene_with: SceneWith) -> None:
    scene = scene_with("a", "b")
    scene.submit("run-1")
    answer = why(scene, "run-1/0/0")
    assert answer.answer == "run-1/0/0 (the survey of shard 1) runs on a."
    assert texts(answer, "placement") == [
        "it was placed on a",
        "at the first task of its round load-balancing saw 2 free slots on 2 nodes and takes the node that should be"
        " done first: a (0 of 1 busy), then b (0 of 1 busy)",
    ]


def test_a_task_that_failed_waits_and_tells_each_attempt(scene_with: SceneWith) -> None:
    scene = scene_with("a")
    work = scene.submit("run-1", 1)
    attempt = work.tasks["run-1/0/0"].attempt
    assert attempt is not None
    scene.handle(Reported(attempt, Broke(FailureKind.TIMEOUT, "no answer in 3 s")), now=1.0)
    answer = why(scene, "run-1/0/0")
    assert answer.answer == "run-1/0/0 (the survey of shard 1) was set back and is tried again in a moment."
    assert texts(answer, "retry") == ["task run-1/0/0 failed on a (timeout): no answer in 3 s"]


def test_a_task_of_a_round_that_is_over_tells_the_round(scene_with: SceneWith) -> None:
    scene = scene_with()
    scene.submit("run-1", rounds=3)
    scene.remember(RoundDone("run-1", RoundRow(3, seconds=2.0), {"critical": [1, "a", 0.5, 0.25, 1.0, 0.25]}))
    answer = why(scene, "run-1/3/0")
    assert answer.answer == "run-1/3/0 is done at the first attempt."
    assert why(scene, "run-1/03/0") == answer, "numbers are read as numbers"
    assert texts(answer, "critical path")[0].startswith(
        "round 3 took 2 s; what came last was shard 2 on a (task run-1/3/1)"
    )


def test_who_gave_the_update_of_a_shard_is_told(scene_with: SceneWith) -> None:
    scene = scene_with()
    scene.submit("run-1", rounds=3)
    given = updates_to_json({0: Update(7, "a"), 1: Update(8, "b")}, lambda node: "c")
    scene.remember(RoundDone("run-1", RoundRow(3), {"updates": given}))
    assert why(scene, "run-1/3/1").answer == "run-1/3/1 is done by b at the first attempt."


def test_what_is_no_task_is_one_line(scene_with: SceneWith) -> None:
    scene = scene_with("a")
    scene.submit("run-1")
    with pytest.raises(BadRequest, match="'run-1' is not RUN/ROUND/SHARD"):
        why(scene, "run-1")
    with pytest.raises(NotFound, match="no task is called 'run-1/0/9'; run-1 has the shards 0 to 1"):
        why(scene, "run-1/0/9")
    with pytest.raises(NotFound, match="no task is called 'run-1/2/0'; run-1 has the rounds 0 to 1"):
        why(scene, "run-1/2/0")
    with pytest.raises(NotFound, match="no task is called 'run-1/1/0'; do you mean run-1/0/"):
        why(scene, "run-1/1/0")
    with pytest.raises(BadRequest, match="is not RUN/ROUND/SHARD"):
        why(scene, f"run-1/{'9' * 20}/0")
    with pytest.raises(NotFound, match="no run or job is called 'run-2'; do you mean run-1"):
        why(scene, "run-2/0/9")


def test_the_shards_that_a_round_is_without_are_told_apart(scene_with: SceneWith) -> None:
    scene = scene_with()
    scene.submit("run-1", 4, fraction=0.5, rounds=1)
    first, second = participants(4, 0.5, spec(4).seed, 1)
    scene.remember(RoundDone("run-1", RoundRow(1, seconds=2.0), {"left_out": [second]}))
    assert why(scene, f"run-1/1/{first}").answer == f"run-1/1/{first} is done at the first attempt."
    late = why(scene, f"run-1/1/{second}")
    assert late.answer == f"run-1/1/{second} was left out: round 1 ended at its deadline without it."
    (absent, _) = {*range(4)} - {first, second}
    with pytest.raises(NotFound, match="round 1 is one without that shard"):
        why(scene, f"run-1/1/{absent}")


def test_the_task_that_its_run_failed_with_was_not_tried_again(scene_with: SceneWith) -> None:
    scene = scene_with("a")
    attempt = scene.submit("run-1", 1).tasks["run-1/0/0"].attempt
    assert attempt is not None
    scene.handle(Reported(attempt, Broke(FailureKind.USER_ERROR, "bad row")), now=1.0)
    scene.remember(WorkEnded("run-1", WorkState.FAILED, 1000, "bad row"))
    del scene.dispatcher.work["run-1"]
    assert why(scene, "run-1/0/0").answer == (
        "run-1/0/0 is over with its run, which failed; 1 attempt did not succeed."
    )
    assert texts(scene.why("run-1"), "retry")[0] == "1 attempt failed (user_error 1)"


def test_a_task_that_went_well_before_its_run_failed_succeeded_at_last(scene_with: SceneWith) -> None:
    scene = scene_with("a")
    attempt = scene.submit("run-1", 1).tasks["run-1/0/0"].attempt
    assert attempt is not None
    scene.handle(Reported(attempt, Broke(FailureKind.TIMEOUT, "no answer in 3 s")), now=1.0)
    scene.remember(ShardSurveyed("run-1", 0, ShardSummary("run-1/0/0#2", 2, 4, 2, max_label=1)))
    scene.remember(WorkEnded("run-1", WorkState.FAILED, 1000, "no node came"))
    del scene.dispatcher.work["run-1"]
    assert why(scene, "run-1/0/0").answer == "run-1/0/0 is done; 1 attempt before the last did not succeed."
