"""Why a script job waits, runs where it does, or ended as it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from coordinator.core.events import Accepted, Declined, NodeDown, NodeUp, Reported, Submitted
from coordinator.core.suitability import Lack, shortfall
from coordinator.why.waiting import ADVICE
from rpc.codec import to_bytes
from rpc.errors import RejectReason
from tests.coordinator.store.stores import submitted
from tests.coordinator.test_script_jobs import OFFERED, ended, job, offering
from tests.coordinator.why.scene import Scene, texts
from tests.coordinator.why.test_works import live

NOES = ("a: no jobs of ann", "b: not on a Monday")
SceneWith = Callable[..., Scene]


@pytest.fixture
def scene(scene_with: SceneWith) -> Scene:
    scene = scene_with()
    scene.remember(replace(submitted("j", to_bytes(job().spec)), kind="script"))
    scene.handle(NodeUp(offering("a"), 1), NodeUp(offering("b"), 1))
    return scene


def test_a_job_that_runs_says_where(scene: Scene) -> None:
    scene.handle(Submitted(job()))
    assert scene.why("j").answer == "j is pending: it waits for a to take it."
    scene.handle(Accepted(live(scene, "j/0/0")))
    assert scene.why("j").answer == "j runs: 1 task at work: j/0/0 on a."


def test_a_job_that_all_nodes_decline_names_each_no_and_when_they_are_asked_again(scene: Scene) -> None:
    scene.handle(Submitted(job()))
    for words in ("no jobs of ann", "not on a Monday"):
        attempt = live(scene, "j/0/0")
        scene.handle(Reported(attempt, Declined(RejectReason.OPERATOR, f"{attempt.node_id}: {words}")), now=1.0)
    why = scene.why("j")
    assert why.answer == "j is pending: it waits for a compute node that accepts: all 2 decline."
    told = [text for text in texts(why, "retry") if "was rejected on" in text]
    assert told == [f"task j/0/0 was rejected on {said[0]} (operator): {said}" for said in NOES]
    assert any(text.startswith("they are asked again in ") for text in texts(why, "waiting"))


def test_a_job_of_a_silent_node_says_what_it_waits_for(scene: Scene) -> None:
    scene.handle(Submitted(job()))
    scene.handle(NodeDown("a", 1, "reset"), now=1e9)
    (told,) = texts(scene.why("j"), "tasks")
    assert told.startswith("j/0/0 may live on a: it waits until that node is heard of or ")


def test_a_job_that_has_ended_tells_no_rounds(scene: Scene) -> None:
    scene.handle(Submitted(job()))
    scene.handle(Accepted(live(scene, "j/0/0")))
    scene.handle(Reported(live(scene, "j/0/0"), ended()), now=3.0)
    scene.dispatcher.work["j"].is_remembered = True
    assert scene.why("j").answer == "j completed in 3 s."


def test_there_is_advice_for_everything_that_work_may_lack() -> None:
    assert ADVICE.keys() == set(Lack)


def test_a_job_that_no_node_can_run_says_so(scene: Scene) -> None:
    scene.handle(Submitted(job(gpus=8)))
    assert "takes script jobs and has 8 GPUs" in scene.why("j").answer


@pytest.mark.parametrize(
    ("settings", "lacked"),
    [
        ({"gpus": 8}, "takes script jobs and has 8 GPUs (--gpus)"),
        ({"image": "a@sha256:" + 64 * "0"}, "takes script jobs in docker (--sandbox or --image)"),
        ({"memory_bytes": 10**12}, "takes script jobs and has 1,000 GB (--memory)"),
        ({"network": "full"}, "takes script jobs with a network (--network)"),
    ],
)
def test_of_each_node_it_is_said_what_it_lacks_first(settings: dict[str, Any], lacked: str) -> None:
    needs = job(**{"memory_bytes": 1_000_000, **settings}).claim.script
    assert needs is not None
    assert shortfall(OFFERED, 8_000_000_000, needs) == lacked
    assert shortfall({}, 8_000_000_000, needs) == "takes script jobs"
