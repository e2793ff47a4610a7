"""Why a script job waits, runs where it does, or ended as it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from coordinator.core.events import NodeDown, NodeUp, Reported, Submitted
from coordinator.core.suitability import Lack
from coordinator.why.waiting import ADVICE
from rpc.codec import to_bytes
from tests.coordinator.store.stores import submitted
from tests.coordinator.test_script_jobs import ended, job, offering
from tests.coordinator.why.scene import Scene, texts
from tests.coordinator.why.test_works import live

SceneWith = Callable[..., Scene]


@pytest.fixture
def scene(scene_with: SceneWith) -> Scene:
    scene = scene_with()
    scene.remember(replace(submitted("j", to_bytes(job().spec)), kind="script"))
    scene.handle(NodeUp(offering("a"), 1), NodeUp(offering("b"), 1))
    return scene


def test_a_job_that_runs_says_where(scene: Scene) -> None:
    scene.handle(Submitted(job()))
    assert scene.why("j").answer == "j runs: 1 task at work: j/0/0 on a."


def test_a_job_of_a_silent_node_says_what_it_waits_for(scene: Scene) -> None:
    scene.handle(Submitted(job()))
    scene.handle(NodeDown("a", 1, "reset"), now=1e9)
    (told,) = texts(scene.why("j"), "tasks")
    assert told.startswith("j/0/0 may live on a: it waits until that node is heard of or ")


def test_a_job_that_has_ended_tells_no_rounds(scene: Scene) -> None:
    scene.handle(Submitted(job()))
    scene.handle(Reported(live(scene, "j/0/0"), ended()), now=3.0)
    scene.dispatcher.work["j"].is_remembered = True
    assert scene.why("j").answer == "j completed in 3 s."


def test_there_is_advice_for_everything_that_work_may_lack() -> None:
    assert ADVICE.keys() == set(Lack)


def test_a_job_that_no_node_can_run_says_so(scene: Scene) -> None:
    scene.handle(Submitted(job(gpus=8)))
    assert "takes script jobs and has 8 GPUs" in scene.why("j").answer
