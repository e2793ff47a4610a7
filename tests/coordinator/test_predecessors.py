"""A job that comes after others begins once their ends are committed, and never if one was another than it must be."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import CancelAsked, Command, NodeUp, Remembered, Reported, Start, Submitted, Tick
from coordinator.core.model import Attempt, WorkState
from coordinator.core.policies import LoadBalancing
from coordinator.core.scripting import ScriptJob
from rpc.errors import FailureKind
from rpc.messages import DataFile, ScriptSpec
from tests.coordinator.test_script_jobs import LEASE_S, ended, offering

FAILS = ended(1, FailureKind.USER_ERROR, "exit status 1")


class Scene:
    """A dispatcher with a node that has room for everything."""

    def __init__(self) -> None:
        self.dispatcher = Dispatcher(LoadBalancing(), Random(0))
        self.attempts: dict[str, Attempt] = {}
        self.now = 0.0
        self.dispatcher.handle(NodeUp(offering("a", slots=8), 1), 0.0)

    def submit(self, name: str, *after: str, ends: Mapping[str, WorkState] | None = None) -> None:
        spec = ScriptSpec(name, DataFile("x.zip", "blob", 1), after=after)
        self._take(self.dispatcher.handle(Submitted(ScriptJob(name, spec, lease_s=LEASE_S), ends=ends or {}), self.now))

    def end(self, name: str, outcome: object = None) -> None:
        """It ends, and that is committed."""
        self.report(name, outcome)
        self.remember(name)

    def report(self, name: str, outcome: object = None) -> None:
        self._take(self.dispatcher.handle(Reported(self.attempts[name], outcome or ended()), self.now))  # type: ignore[arg-type]

    def remember(self, name: str) -> None:
        self.dispatcher.work[name].is_remembered = True
        self._take(self.dispatcher.handle(Remembered(name, self.state(name)), self.now))

    def cancel(self, name: str) -> None:
        self._take(self.dispatcher.handle(CancelAsked(name, "enough"), self.now))

    def state(self, name: str) -> WorkState:
        return self.dispatcher.work[name].state

    def waiting_for(self, name: str) -> str:
        return self.dispatcher.waiting_for(self.dispatcher.work[name])

    def _take(self, commands: list[Command]) -> None:
        self.attempts.update({each.task.work_id: each.attempt for each in commands if isinstance(each, Start)})


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_job_begins_once_all_that_it_comes_after_have_completed(scene: Scene) -> None:
    scene.submit("one")
    scene.submit("two")
    scene.submit("last", "one", "two")
    assert scene.waiting_for("last") == "one to complete and two to complete"
    scene.end("two")
    assert "last" not in scene.attempts
    assert scene.waiting_for("last") == "one to complete"
    scene.end("one")
    assert "last" in scene.attempts


def test_an_end_counts_only_once_it_is_committed(scene: Scene) -> None:
    scene.submit("one")
    scene.submit("early", "one")
    scene.report("one")
    scene.submit("late", "one")
    scene.dispatcher.handle(Tick(), 5.0)
    assert scene.attempts.keys() == {"one"}
    scene.remember("one")
    assert scene.attempts.keys() == {"one", "early", "late"}


def test_a_job_whose_predecessor_fails_is_cancelled_and_names_it_and_so_on(scene: Scene) -> None:
    scene.submit("one")
    scene.submit("two", "one")
    scene.submit("three", "two:ok")
    scene.end("one", FAILS)
    work = scene.dispatcher.work["two"]
    assert (work.state, work.failure) == (WorkState.CANCELLED, FailureKind.DEPENDENCY)
    assert work.reason == "one, which it comes after, failed"
    assert scene.state("three") is WorkState.PENDING
    scene.remember("two")
    assert scene.dispatcher.work["three"].reason == "two, which it comes after, was cancelled"


def test_one_that_takes_any_end_begins_after_a_failure_too(scene: Scene) -> None:
    scene.submit("one")
    scene.submit("two", "one:any")
    assert scene.waiting_for("two") == "one to end"
    scene.end("one", FAILS)
    assert "two" in scene.attempts


def test_one_bad_end_is_enough_whatever_else_is_waited_for(scene: Scene) -> None:
    for name in ("one", "two"):
        scene.submit(name)
    scene.submit("last", "one", "two")
    scene.end("one", FAILS)
    assert scene.state("last") is WorkState.CANCELLED
    scene.end("two")
    assert "last" not in scene.attempts


@pytest.mark.parametrize(("state", "begins"), [(WorkState.COMPLETED, True), (WorkState.FAILED, False)])
def test_ends_that_only_the_store_knows_count_as_well(scene: Scene, state: WorkState, begins: bool) -> None:
    scene.submit("last", "old", ends={"old": state})
    assert ("last" in scene.attempts) is begins


def test_a_job_that_waits_is_cancelled_at_once_and_does_not_begin_later(scene: Scene) -> None:
    scene.submit("one")
    scene.submit("two", "one")
    scene.cancel("two")
    work = scene.dispatcher.work["two"]
    assert (work.state, work.failure, work.reason) == (WorkState.CANCELLED, FailureKind.CANCELLED, "enough")
    scene.end("one")
    assert "two" not in scene.attempts


def test_of_very_many_only_some_are_named(scene: Scene) -> None:
    names = [f"j{n}" for n in range(7)]
    for name in names:
        scene.submit(name)
    scene.submit("last", *names)
    assert scene.waiting_for("last").endswith("j4 to complete and 2 more")
