"""Why a task waits, is where it is, or was tried again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coordinator.core.events import Broke, Reported
from coordinator.store.changes import RoundDone
from coordinator.why.tasks import why_task
from rpc.errors import BadRequest, FailureKind, NotFound
from rpc.messages import RoundRow, Why
from tests.coordinator.why.scene import Scene, texts

SceneWith = Callable[..., Scene]


def why(scene: Scene, task_id: str) -> Why:
    known = task_id.partition("/")[0] in scene.dispatcher.work
    return why_task(task_id, scene.now(task_id.partition("/")[0]) if known else None, scene.reader, "")


def test_a_task_at_work_says_where_and_what_the_policy_saw(scene_with: SceneWith) -> None:
    scene = scene_with("a", "b")
    scene.submit("run-1")
    answer = why(scene, "run-1/0/0")
    assert answer.answer == "run-1/0/0 (shard 1 of round 0) runs on a."
    assert texts(answer, "placement") == [
        "it was placed on a",
        "at the first task of its round load-balancing saw 2 slots free on 2 nodes; least expected finish first:"
        " a (0 of 1 busy); b (0 of 1 busy)",
    ]


def test_a_task_that_failed_waits_and_tells_each_attempt(scene_with: SceneWith) -> None:
    scene = scene_with("a")
    work = scene.submit("run-1", 1)
    attempt = work.tasks["run-1/0/0"].attempt
    assert attempt is not None
    scene.handle(Reported(attempt, Broke(FailureKind.TIMEOUT, "no answer in 3 s")), now=1.0)
    answer = why(scene, "run-1/0/0")
    assert answer.answer == "run-1/0/0 (shard 1 of round 0) was set back and is tried again in a moment."
    assert texts(answer, "retry") == ["task run-1/0/0 failed on a (timeout): no answer in 3 s"]


def test_a_task_of_a_round_that_is_over_tells_the_round(scene_with: SceneWith) -> None:
    scene = scene_with()
    scene.submit("run-1")
    scene.remember(RoundDone("run-1", RoundRow(3, seconds=2.0), {"critical": [1, "a", 0.5, 0.25, 1.0, 0.25]}))
    answer = why(scene, "run-1/3/0")
    assert answer.answer == "run-1/3/0 is over, at the first attempt."
    assert texts(answer, "critical path")[0].startswith("round 3 took 2 s, as long as shard 2 on a (task run-1/3/1)")


def test_what_is_no_task_is_one_line(scene_with: SceneWith) -> None:
    scene = scene_with("a")
    scene.submit("run-1")
    with pytest.raises(BadRequest, match="'run-1' is not RUN/ROUND/SHARD"):
        why(scene, "run-1")
    with pytest.raises(NotFound, match="no task is called 'run-1/0/9'; do you mean run-1/0/"):
        why(scene, "run-1/0/9")
    with pytest.raises(NotFound, match="no run is called 'run-2'; do you mean run-1"):
        why(scene, "run-2/0/9")
