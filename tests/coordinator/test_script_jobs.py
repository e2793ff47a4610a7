"""Script jobs in the dispatcher: never two live copies, cancelled with a grace, refused what no node offers."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import pytest

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import (
    Accepted,
    Broke,
    CancelAsked,
    Command,
    Declined,
    Delivered,
    NodeDown,
    NodeUp,
    Note,
    Outcome,
    Reported,
    Start,
    Stop,
    Submitted,
    Tick,
)
from coordinator.core.model import Attempt, Work, WorkState
from coordinator.core.node_facts import NodeInfo
from coordinator.core.policies import LoadBalancing
from coordinator.core.scripting import ScriptJob
from coordinator.core.settings import Settings
from coordinator.core.suitability import waiting_for
from coordinator.core.workload import Before, Scripted
from rpc.errors import FailureKind, RejectReason
from rpc.messages import DataFile, ScriptEnd, ScriptSpec, ScriptUsage

LEASE_S = 60.0
OFFERED = {"scripts": "bwrap,rlimits", "gpus": "2"}
PLACE = "j/0/0"


def job(*, before: Before | None = None, **settings: Any) -> ScriptJob:
    spec = ScriptSpec("x", DataFile("x.zip", "blob", 1), **settings)
    return ScriptJob("j", spec, lease_s=LEASE_S, before=before)


def offering(name: str, *kept: str, slots: int = 1, **labels: str) -> NodeInfo:
    return NodeInfo(name, slots=slots, kept=kept, labels={**OFFERED, **labels}, memory_bytes=8_000_000_000)


class Scene:
    """A dispatcher with one job, and nodes that come and go."""

    def __init__(self, *nodes: NodeInfo, before: Before | None = None, **settings: Any) -> None:
        self.dispatcher = Dispatcher(LoadBalancing(), Random(0))
        self.session = 0
        for each in nodes:
            self.up(each, 0.0)
        self.begun = self.starts(self.dispatcher.handle(Submitted(job(before=before, **settings)), 0.0))

    @property
    def work(self) -> Work:
        return self.dispatcher.work["j"]

    def up(self, node: NodeInfo, now: float) -> list[Attempt]:
        self.session += 1
        return self.starts(self.dispatcher.handle(NodeUp(node, self.session), now))

    def down(self, node: str, now: float) -> list[Attempt]:
        current = self.dispatcher.pool.current(node)
        assert current is not None
        return self.starts(self.dispatcher.handle(NodeDown(node, current.session, "reset"), now))

    def report(self, attempt: Attempt, outcome: Outcome, now: float) -> list[Command]:
        return self.dispatcher.handle(Reported(attempt, outcome), now)

    def later(self, now: float) -> list[Attempt]:
        return self.starts(self.dispatcher.handle(Tick(), now))

    @staticmethod
    def starts(commands: list[Command]) -> list[Attempt]:
        return [command.attempt for command in commands if isinstance(command, Start)]


def ended(status: int = 0, failure: FailureKind = FailureKind.NONE, reason: str = "") -> Delivered:
    end = ScriptEnd(status, int(failure), reason)
    return Delivered("", Scripted(end, ScriptUsage(), "a", "bwrap"))


def test_a_job_is_over_when_its_program_is() -> None:
    scene = Scene(offering("a"))
    (first,) = scene.begun
    scene.report(first, ended(), 2.0)
    assert (scene.work.state, scene.work.tasks_done) == (WorkState.COMPLETED, 1)


def test_a_program_that_fails_is_not_repeated() -> None:
    scene = Scene(offering("a"))
    scene.report(scene.begun[0], ended(3, FailureKind.USER_ERROR, "exit status 3"), 2.0)
    assert (scene.work.state, scene.work.failure) == (WorkState.FAILED, FailureKind.USER_ERROR)
    assert scene.work.reason == "exit status 3"


def test_a_job_of_a_lost_node_starts_elsewhere_once_it_cannot_live_any_more() -> None:
    scene = Scene(offering("a"), offering("b"))
    assert scene.begun[0].node_id == "a"
    assert scene.down("a", 5.0) == []
    assert scene.later(5.0 + LEASE_S - 0.1) == []
    (second,) = scene.later(5.0 + LEASE_S)
    assert second.node_id == "b"


def test_a_node_that_comes_back_with_the_job_goes_on_with_it() -> None:
    scene = Scene(offering("a"), offering("b"))
    scene.down("a", 5.0)
    (again,) = scene.up(offering("a", PLACE), 6.0)
    assert again.node_id == "a"
    assert scene.later(100.0) == []
    scene.report(again, ended(), 101.0)
    assert scene.work.state is WorkState.COMPLETED


def test_a_node_that_comes_back_without_the_job_frees_it_at_once() -> None:
    scene = Scene(offering("a"), offering("b"))
    scene.down("a", 5.0)
    (again,) = scene.up(offering("a"), 6.0)
    assert again.node_id == "b", "the node that was lost is avoided while there is another one"


def test_a_broken_connection_does_not_move_a_job_that_lives() -> None:
    scene = Scene(offering("a"), offering("b"))
    scene.report(scene.begun[0], Broke(FailureKind.NODE_LOST, "reset"), 1.0)
    (again,) = scene.later(3.0)
    assert again.node_id == "a"


def test_a_job_whose_node_is_lost_once_more_waits_once_more() -> None:
    scene = Scene(offering("a"), offering("b"))
    scene.report(scene.begun[0], Broke(FailureKind.PROTOCOL, "nonsense"), 1.0)
    assert scene.down("a", 1.1) == []
    assert scene.later(60.0) == []
    (second,) = scene.later(1.1 + LEASE_S)
    assert second.node_id == "b"


def test_a_job_goes_on_where_it_lives_though_that_node_takes_nothing_new() -> None:
    scene = Scene(offering("a"))
    scene.down("a", 5.0)
    scene.dispatcher.pool.drain("a", True)
    (again,) = scene.up(offering("a", PLACE), 6.0)
    assert again.node_id == "a"


def test_after_a_restart_a_job_waits_for_its_node_or_the_lease() -> None:
    waiting = Scene(offering("b"), before=Before("a"))
    assert waiting.begun == []
    assert waiting.later(LEASE_S - 0.1) == []
    assert [attempt.node_id for attempt in waiting.later(LEASE_S)] == ["b"]
    back = Scene(offering("b"), before=Before("a"))
    assert [attempt.node_id for attempt in back.up(offering("a", PLACE), 1.0)] == ["a"]
    there = Scene(offering("b"), offering("a", PLACE), before=Before("a"))
    assert [attempt.node_id for attempt in there.begun] == ["a"]


def test_a_job_whose_turn_comes_late_after_a_restart_goes_on_where_it_lives() -> None:
    scene = Scene(offering("b"), offering("a", PLACE, slots=2), before=Before("a"), select={"rack": "x"})
    assert scene.begun == []
    (begun,) = scene.up(offering("c", rack="x"), 1.0)
    assert begun.node_id == "a", "it is there, whatever the labels of that node are now"


def test_what_a_node_named_at_its_hello_says_nothing_of_a_job_that_it_got_later() -> None:
    scene = Scene(offering("a", "k/0/0", slots=3), offering("b"))
    assert [attempt.node_id for attempt in scene.begun] == ["a"]
    scene.report(scene.begun[0], Broke(FailureKind.NODE_LOST, "reset"), 1.0)
    late = ScriptJob("k", ScriptSpec("x", DataFile("x.zip", "blob", 1)), lease_s=LEASE_S, before=Before("a"))
    assert [attempt.task_id for attempt in scene.starts(scene.dispatcher.handle(Submitted(late), 1.0))] == ["k/0/0"]
    (again,) = scene.later(3.0)
    assert again.node_id == "a", "it lives on there"


def test_a_set_up_that_failed_is_tried_elsewhere_at_once() -> None:
    scene = Scene(offering("a"), offering("b"))
    scene.report(scene.begun[0], Broke(FailureKind.SETUP_FAILED, "no such wheel", is_over=True), 1.0)
    (second,) = scene.later(2.0)
    assert second.node_id == "b"


def test_who_declines_has_nothing_of_the_job() -> None:
    scene = Scene(offering("a"), offering("b"))
    commands = scene.report(scene.begun[0], Declined(RejectReason.OPERATOR, "no"), 1.0)
    assert [attempt.node_id for attempt in scene.starts(commands)] == ["b"]


def test_a_cancelled_job_may_end_itself_and_leave_something() -> None:
    scene = Scene(offering("a"))
    commands = scene.dispatcher.handle(CancelAsked("j", "enough"), 1.0)
    assert Stop(scene.begun[0], 10.0) in commands
    assert Stop(scene.begun[0], 10.0) not in scene.dispatcher.handle(CancelAsked("j", "twice"), 1.5)
    scene.report(scene.begun[0], ended(-15), 2.0)
    assert (scene.work.state, scene.work.reason) == (WorkState.CANCELLED, "enough")
    assert isinstance(scene.work.workload, ScriptJob) and scene.work.workload.result is not None


def test_a_job_is_pending_until_a_node_has_taken_it_and_again_when_that_declines_after_all() -> None:
    scene = Scene(offering("a"))
    assert (scene.work.state, waiting_for(scene.work, scene.dispatcher.pool)) == (WorkState.PENDING, "a to take it")
    told = scene.dispatcher.handle(Accepted(scene.begun[0]), 1.0)
    assert Note("running", "", "j") in told and scene.work.state is WorkState.RUNNING
    assert scene.dispatcher.handle(Accepted(scene.begun[0]), 1.5) == []
    told = scene.report(scene.begun[0], Declined(RejectReason.OPERATOR, "no such image here"), 2.0)
    assert Note("pending", "no such image here", "j") in told
    assert (scene.work.state, scene.work.started_at) == (WorkState.PENDING, 1.0)
    reason = waiting_for(scene.work, scene.dispatcher.pool)
    assert reason == "a compute node that accepts: all 1 decline"


def test_nodes_that_all_say_what_stands_for_a_while_are_asked_again_ever_later() -> None:
    scene, now, asked_at = Scene(offering("a"), offering("b")), 0.0, []
    attempts = scene.begun
    while now < 500.0:
        for attempt in attempts:
            commands = scene.report(attempt, Declined(RejectReason.OPERATOR, "no"), now)
            if attempts := scene.starts(commands):
                break
        if not attempts:
            now = scene.dispatcher.wake_at()
            attempts = scene.later(now)
            asked_at += [now] * len(attempts)
    pauses = [later - now for now, later in pairwise(asked_at) if later > now]
    assert pauses[0] < 4.0 and max(pauses) <= 90.0 and len(pauses) < 20


def test_a_node_that_comes_is_asked_at_once_for_what_all_others_have_declined() -> None:
    scene = Scene(offering("a"))
    for now in (0.0, 2.0, 10.0):
        (attempt,) = scene.begun if now == 0.0 else scene.later(now)
        scene.report(attempt, Declined(RejectReason.OPERATOR, "no"), now)
    assert [attempt.node_id for attempt in scene.up(offering("b"), 10.1)] == ["b"]


def test_a_node_that_was_only_busy_is_asked_again_soon() -> None:
    scene = Scene(offering("a"))
    for now in (0.0, 2.0, 4.0, 6.0, 8.0):
        (attempt,) = scene.begun if now == 0.0 else scene.later(now)
        scene.report(attempt, Declined(RejectReason.BUSY, "later"), now)
    assert [attempt.node_id for attempt in scene.later(9.6)] == ["a"]


def test_an_owner_has_as_many_places_as_may_be_and_gives_them_back() -> None:
    dispatcher = Dispatcher(LoadBalancing(), Random(0), Settings(max_running_per_owner=1))
    dispatcher.handle(NodeUp(offering("n", slots=5), 1), 0.0)

    def submit(name: str, owner: str) -> list[Attempt]:
        spec = ScriptSpec("x", DataFile("x.zip", "blob", 1), owner=owner)
        return Scene.starts(dispatcher.handle(Submitted(ScriptJob(name, spec, lease_s=LEASE_S)), 0.0))

    (first,) = submit("a1", "ann")
    assert not submit("a2", "ann") and not submit("a3", "ann")
    assert [attempt.task_id for attempt in submit("b1", "bob")] == ["b1/0/0"]
    reason = "another work of its owner to end: 1 of them run (--max-running-per-owner)"
    assert waiting_for(dispatcher.work["a2"], dispatcher.pool) == reason
    dispatcher.handle(CancelAsked("a2", "no more"), 1.0)
    no = Declined(RejectReason.OPERATOR, "not this one")
    (third,) = Scene.starts(dispatcher.handle(Reported(first, no), 2.0))
    assert third.task_id == "a3/0/0", "what nobody takes holds no place"
    again = Scene.starts(dispatcher.handle(NodeUp(offering("m"), 2), 3.0))
    assert not again and dispatcher.work["a1"].state is WorkState.PENDING
    (back,) = Scene.starts(dispatcher.handle(Reported(third, ended()), 4.0))
    assert (back.task_id, back.node_id) == ("a1/0/0", "m")


def test_a_cancelled_job_that_nobody_hears_of_ends_all_the_same() -> None:
    scene = Scene(offering("a"))
    scene.dispatcher.handle(CancelAsked("j", "enough"), 1.0)
    commands = scene.dispatcher.handle(Tick(), 32.0)
    assert Stop(scene.begun[0]) in commands
    assert scene.work.state is WorkState.CANCELLED


def test_a_job_that_runs_nowhere_is_cancelled_at_once() -> None:
    scene = Scene()
    scene.dispatcher.handle(CancelAsked("j", "enough"), 1.0)
    assert scene.work.state is WorkState.CANCELLED
    away = Scene(offering("a"))
    away.down("a", 2.0)
    away.dispatcher.handle(CancelAsked("j", "enough"), 3.0)
    assert away.work.state is WorkState.CANCELLED


def test_a_job_fails_when_it_has_lost_as_many_nodes_as_it_may() -> None:
    scene = Scene(offering("a"), offering("b"), retries=1)
    scene.down("a", 1.0)
    scene.later(1.0 + LEASE_S)
    scene.down("b", 70.0)
    assert not scene.work.state.is_final, "it may live on there"
    scene.later(70.0 + LEASE_S)
    assert (scene.work.state, scene.work.failure) == (WorkState.FAILED, FailureKind.POISON)
    assert scene.work.reason == "failed 2 times, last: b was lost while it ran there"


def test_a_job_that_may_not_begin_twice_survives_all_but_the_end_of_its_node() -> None:
    scene = Scene(offering("a"), retries=0)
    attempt, now = scene.begun[0], 1.0
    for outage in ("reset", "silence"):
        scene.report(attempt, Broke(FailureKind.NODE_LOST, outage), now)
        (attempt,) = scene.later(now + 5.0)
        scene.down("a", now + 6.0)
        now += 30.0
        (attempt,) = scene.up(offering("a", PLACE), now)
    scene.down("a", 100.0)
    assert scene.up(offering("a"), 101.0) == []
    assert (scene.work.state, scene.work.failure) == (WorkState.FAILED, FailureKind.NODE_LOST)
    assert scene.work.reason == "a was lost while it ran there"


def test_a_job_that_was_about_to_begin_before_a_restart_begins_after_it() -> None:
    placed = Scene(offering("a"), before=Before("a"), retries=0)
    assert [attempt.node_id for attempt in placed.begun] == ["a"]
    begun = Scene(offering("a"), before=Before("a", has_begun=True), retries=0)
    assert (begun.begun, begun.work.failure) == ([], FailureKind.NODE_LOST)


@pytest.mark.parametrize("kind", [FailureKind.SETUP_FAILED, FailureKind.BAD_UPDATE, FailureKind.STALE])
def test_what_the_coordinator_cannot_do_does_not_move_a_job_that_lives(kind: FailureKind) -> None:
    scene = Scene(offering("a"), offering("b"), retries=0)
    scene.report(scene.begun[0], Broke(kind, "the disk of the logs is broken"), 1.0)
    (again,) = scene.later(3.0)
    assert again.node_id == "a"


def test_a_job_whose_node_answers_nonsense_for_ever_fails() -> None:
    scene = Scene(offering("a"))
    attempts, now = scene.begun, 1.0
    while attempts and now < 1000.0:
        scene.report(attempts[0], Broke(FailureKind.PROTOCOL, "nonsense"), now)
        now += 10.0
        attempts = scene.later(now)
    assert (scene.work.state, scene.work.failure) == (WorkState.FAILED, FailureKind.PROTOCOL)


@pytest.mark.parametrize(
    "outcome",
    [
        Broke(FailureKind.CANCELLED, "it was not wanted any more", is_over=True),
        Broke(FailureKind.SETUP_FAILED, "no such wheel", is_over=True),
        Broke(FailureKind.NODE_LOST, "reset"),
        Declined(RejectReason.OPERATOR, "no"),
    ],
)
def test_a_cancelled_job_does_not_begin_anew(outcome: Outcome) -> None:
    scene = Scene(offering("a"), offering("b"))
    scene.dispatcher.handle(CancelAsked("j", "enough"), 1.0)
    commands = scene.report(scene.begun[0], outcome, 1.1)
    assert scene.starts(commands) == scene.later(200.0) == []
    assert (scene.work.state, scene.work.reason) == (WorkState.CANCELLED, "enough")


@pytest.mark.parametrize(
    ("settings", "waits_for"),
    [
        ({"sandbox": "docker"}, "takes script jobs in docker (--sandbox or --image): none of 1 does"),
        ({"image": "x@sha256:0"}, "takes script jobs in docker (--sandbox or --image): none of 1 does"),
        ({"gpus": 3}, "takes script jobs and has 3 GPUs (--gpus): none of 1 does"),
        ({"memory_bytes": 9_000_000_000}, "takes script jobs and has 9 GB (--memory): none of 1 does"),
        ({"gpus": 2, "sandbox": "rlimits", "memory_bytes": 1}, ""),
    ],
)
def test_a_job_waits_for_a_node_that_offers_what_it_needs(settings: dict[str, Any], waits_for: str) -> None:
    scene = Scene(offering("a"), **settings)
    assert bool(scene.begun) is not bool(waits_for)
    assert waiting_for(scene.work, scene.dispatcher.pool).endswith(waits_for)


def test_a_node_that_takes_no_script_jobs_gets_none() -> None:
    assert Scene(NodeInfo("a")).begun == []
