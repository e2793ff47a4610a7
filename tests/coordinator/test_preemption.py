"""Preemption in the dispatcher: script jobs of a lower priority end for work of a higher one, and have not failed."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from coordinator.core.arrays import ScriptArray
from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import (
    Accepted,
    Beat,
    Broke,
    CancelAsked,
    Command,
    Computed,
    Declined,
    Delivered,
    NodeUp,
    Reported,
    SetBack,
    Start,
    Stop,
    Submitted,
    Tick,
)
from coordinator.core.jobs import Add, Done, Job, JobValue
from coordinator.core.model import Attempt, Task, Work, WorkState
from coordinator.core.node_facts import NodeInfo
from coordinator.core.policies import LoadBalancing, Test
from coordinator.core.pool import NodePool
from coordinator.core.scripting import GRACE_S, ScriptJob
from coordinator.core.settings import Settings
from coordinator.core.suitability import suits
from coordinator.core.workload import End, Result, Scripted, Step, Surveyed, TaskSpec
from rpc.errors import FailureKind, RejectReason
from rpc.messages import DataFile, ScriptEnd, ScriptSpec, ScriptUsage, ShardSummary
from tests.simulation.rounds import Rounds

LOOK_S = 1.0  # longer than from one look to the next


class Scene:
    """A dispatcher that preempts, before nodes that take what they are given."""

    def __init__(self, *slots: int, preempts: bool = True, max_running_per_owner: int = 0, **labels: str) -> None:
        settings = Settings(preempts=preempts, max_running_per_owner=max_running_per_owner)
        self.dispatcher = Dispatcher(LoadBalancing(), Random(0), settings)
        self.now = 0.0
        self.told: list[Command] = []
        self.placed: dict[str, Attempt] = {}
        self.n_seen = 0
        for number, n_slots in enumerate(slots):
            info = NodeInfo(f"n{number}", slots=n_slots, labels={"scripts": "bwrap", **labels}, memory_bytes=1 << 33)
            self.handle(NodeUp(info, 1))

    def handle(self, event: Any) -> list[Command]:
        commands = self.dispatcher.handle(event, self.now)
        self.told += commands
        for command in commands:
            if isinstance(command, Start):
                self.placed[command.task.work_id] = command.attempt
                if command.task.kind == "script":
                    self.told += self.dispatcher.handle(Accepted(command.attempt), self.now)
        return commands

    def submit(self, name: str, priority: int = 0, **settings: Any) -> None:
        spec = ScriptSpec(name, DataFile("x.zip", "blob", 1), priority=priority, **{"retries": 3, **settings})
        self.now += 0.1
        self.handle(Submitted(ScriptJob(name, spec, lease_s=60.0)))

    def look(self) -> list[str]:
        """Let time pass; return the works whose attempts were told to end for others since the last look."""
        self.now += LOOK_S
        self.handle(Tick())
        stops = [each for each in self.told if isinstance(each, Stop) and each.preempts]
        new, self.n_seen = stops[self.n_seen :], len(stops)
        assert all(stop.grace_s == GRACE_S for stop in new)
        return [stop.attempt.task_id.partition("/")[0] for stop in new]

    def end(self, name: str, kind: FailureKind = FailureKind.PREEMPTED) -> list[str]:
        """The node says that the job has ended for others; return the works that are started then."""
        commands = self.handle(Reported(self.placed[name], Broke(kind, "others needed its place", is_over=True)))
        return [each.task.work_id for each in commands if isinstance(each, Start)]

    def complete(self, name: str) -> None:
        end = Delivered("", Scripted(ScriptEnd(0), ScriptUsage(), "n0", "bwrap"))
        self.handle(Reported(self.placed[name], end))

    def deliver(self, run: str) -> None:
        """A node has done the task of a run that was placed last."""
        self.handle(Reported(self.placed[run], Delivered("", Surveyed(ShardSummary("x", 1, 1, 1, 0)))))

    def work(self, name: str) -> Work:
        return self.dispatcher.work[name]


def test_a_job_ends_for_one_of_a_higher_priority_and_starts_anew_after_it() -> None:
    scene = Scene(1)
    scene.submit("low")
    scene.submit("high", 1)
    assert scene.look() == ["low"]
    assert scene.end("low") == ["high"]
    assert (scene.work("low").state, scene.work("high").state) == (WorkState.PENDING, WorkState.RUNNING)
    scene.complete("high")
    assert scene.work("low").state is WorkState.RUNNING
    scene.complete("low")
    assert scene.work("low").state is WorkState.COMPLETED


def test_to_be_preempted_is_no_failure() -> None:
    scene = Scene(1)
    scene.submit("low", retries=1)
    for number in range(5):
        scene.submit(f"high{number}", 1)
        assert scene.look() == ["low"]
        assert scene.end("low") == [f"high{number}"]
        scene.complete(f"high{number}")
    scene.complete("low")
    low = scene.work("low")
    assert (low.state, low.retries, low.rejections) == (WorkState.COMPLETED, 0, 0)
    causes = {each.cause for each in scene.told if isinstance(each, SetBack)}
    assert causes == {"preempted"}


@pytest.mark.parametrize("settings", [{"priority": 1}, {"retries": 0}])
def test_an_equal_and_what_may_begin_only_once_go_on(settings: dict[str, int]) -> None:
    scene = Scene(1)
    scene.submit("low", **settings)
    scene.submit("high", 1)
    assert scene.look() == []


def test_nothing_is_preempted_unless_the_coordinator_is_told_to() -> None:
    scene = Scene(1, preempts=False)
    scene.submit("low")
    scene.submit("high", 1)
    assert scene.look() == []


def test_the_lowest_priority_goes_first_and_of_that_the_one_begun_last() -> None:
    scene = Scene(3)
    for name, priority in (("middle", 1), ("old", 0), ("young", 0)):
        scene.submit(name, priority)
    ended = []
    for number in range(3):
        scene.submit(f"high{number}", 2)
        ended += scene.look()
    assert ended == ["young", "old", "middle"]


def test_as_many_end_as_are_needed_and_no_more() -> None:
    scene = Scene(2, 2)
    for number in range(4):
        scene.submit(f"low{number}")
    for number in range(3):
        scene.submit(f"high{number}", 1)
    assert len(scene.look()) == 3
    assert scene.look() == [], "they are on their way out"


def test_one_that_is_being_cancelled_makes_room_by_itself() -> None:
    scene = Scene(2)
    scene.submit("low")
    scene.submit("cancelled")
    scene.handle(CancelAsked("cancelled", "enough"))
    scene.submit("high", 1)
    assert scene.look() == []


def test_a_cancelled_job_that_is_preempted_is_cancelled() -> None:
    scene = Scene(1)
    scene.submit("low")
    scene.submit("high", 1)
    assert scene.look() == ["low"]
    scene.handle(CancelAsked("low", "enough"))
    assert scene.end("low") == ["high"]
    assert scene.work("low").state is WorkState.CANCELLED


def test_one_that_completes_before_it_is_told_has_completed() -> None:
    scene = Scene(1)
    scene.submit("low")
    scene.submit("high", 1)
    assert scene.look() == ["low"]
    scene.complete("low")
    assert (scene.work("low").state, scene.work("high").state) == (WorkState.COMPLETED, WorkState.RUNNING)


def test_a_job_that_wants_a_gpu_ends_one_that_has_it_though_slots_are_free() -> None:
    scene = Scene(4, gpus="1")
    scene.submit("plain")
    scene.submit("low", gpus=1)
    scene.submit("high", 1, gpus=1)
    for _ in range(50):  # it is asked again and again
        if scene.work("high").nodes:
            scene.handle(Reported(scene.placed["high"], Declined(RejectReason.BUSY, "no GPU is free")))
        scene.now += 0.02
        scene.handle(Tick())
    assert scene.look() == ["low"]
    assert scene.work("high").nodes or "high" in scene.end("low")


def test_a_node_that_turns_down_the_job_all_the_same_is_not_cleared_twice() -> None:
    scene = Scene(1)
    scene.submit("low")
    scene.submit("high", 1)
    assert scene.look() == ["low"]
    assert scene.end("low") == ["high"]
    scene.handle(Reported(scene.placed["high"], Declined(RejectReason.MEMORY, "too large")))
    ends = [each for _ in range(50) for each in scene.look()]
    assert ends == []
    assert scene.work("low").state is WorkState.RUNNING


def turn_down(scene: Scene, name: str, reason: RejectReason) -> None:
    """Every node that the job is offered to turns it down, for as long as from one look to the next."""
    for _ in range(50):
        if scene.work(name).nodes:
            scene.handle(Reported(scene.placed[name], Declined(reason, "no room")))
        scene.now += 0.02
        scene.handle(Tick())


@pytest.mark.parametrize(
    ("reason", "settings"),
    [(RejectReason.NO_SLOT, {}), (RejectReason.MEMORY, {"memory_bytes": 1}), (RejectReason.BUSY, {"cpus": 1.0})],
)
def test_a_job_that_a_crowded_node_turns_down_gets_the_place_of_another(
    reason: RejectReason, settings: dict[str, Any]
) -> None:
    scene = Scene(4)
    scene.submit("low")
    scene.submit("high", 1, **settings)
    turn_down(scene, "high", reason)
    assert scene.look() == ["low"]
    turn_down(scene, "high", reason)
    assert scene.look() == [], "it is on its way out"
    assert scene.work("high").nodes or "high" in scene.end("low")
    scene.complete("high")
    assert scene.work("low").state is WorkState.RUNNING


@pytest.mark.parametrize("reason", [RejectReason.OPERATOR, RejectReason.LABELS, RejectReason.BUSY])
def test_no_job_ends_for_one_that_is_turned_down_for_another_reason(reason: RejectReason) -> None:
    scene = Scene(4)
    scene.submit("low")
    scene.submit("high", 1)
    turn_down(scene, "high", reason)
    assert scene.look() == []


def test_as_many_end_as_free_the_memory() -> None:
    scene = Scene(8)
    for number in range(3):
        scene.submit(f"low{number}", memory_bytes=2 << 30)
    scene.submit("high", 1, memory_bytes=4 << 30)
    turn_down(scene, "high", RejectReason.MEMORY)
    assert sorted(scene.look()) == ["low1", "low2"]
    scene.submit("next", memory_bytes=2 << 30)
    assert "next" not in scene.end("low1"), "what becomes free is not for others"
    scene.handle(Reported(scene.placed["high"], Declined(RejectReason.MEMORY, "not yet")))
    assert scene.end("low2")[0] == "high"


def test_a_run_gets_the_nodes_that_jobs_of_a_lower_priority_have() -> None:
    scene = Scene(1, 1)
    scene.submit("low0", -1)
    scene.submit("low1", -1)
    scene.handle(Submitted(Rounds(1, 2, lambda: None)))
    (first,) = scene.look()
    assert scene.end(first) == ["run"], "it begins with one place"
    assert scene.look() == [], "perhaps that is enough"
    (second,) = [name for _ in range(3) for name in scene.look()]
    assert {first, second} == {"low0", "low1"}, "its other shard has waited for long"


def test_a_run_that_goes_on_well_with_one_slot_ends_no_other_job() -> None:
    scene = Scene(1, 1)
    scene.submit("low0", -1)
    scene.submit("low1", -1)
    scene.handle(Submitted(Rounds(20, 4, lambda: None)))
    (first,) = scene.look()
    scene.end(first)
    for _ in range(39):
        scene.deliver("run")
        scene.now += 0.25
        scene.handle(Tick())
    assert scene.work("run").state is WorkState.RUNNING
    assert scene.look() == []


def test_a_node_that_ends_jobs_unasked_is_not_asked_again_at_once() -> None:
    scene = Scene(1)
    scene.submit("low")
    assert scene.end("low") == []
    assert scene.work("low").state is WorkState.PENDING
    scene.look()
    assert scene.work("low").state is WorkState.RUNNING


def spec_of(name: str, priority: int) -> ScriptSpec:
    return ScriptSpec(name, DataFile("x.zip", "blob", 1), priority=priority, retries=3)


def test_an_array_ends_as_many_as_it_has_jobs() -> None:
    scene = Scene(1, 1, 1)
    for number in range(3):
        scene.submit(f"low{number}")
    scene.handle(Submitted(ScriptArray("high", spec_of("high", 5), size=1)))
    scene.handle(Submitted(ScriptJob("high-1", spec_of("high", 5), lease_s=60.0, array="high")))
    assert (len(scene.look()), len(scene.look())) == (1, 0)


def test_no_more_end_than_the_owner_may_have_at_once() -> None:
    scene = Scene(1, 1, 1, max_running_per_owner=1)
    for number in range(3):
        scene.submit(f"low{number}", owner=f"owner{number}")
    for number in range(3):
        scene.submit(f"high{number}", 5, owner="ann")
    (ended,) = scene.look()
    assert scene.look() == []
    assert scene.end(ended) == ["high0"]
    assert scene.look() == [], "the others wait for the first one"


class _WithGaps(Rounds):
    """A run that has no task between two rounds, for as long as somebody takes to add up."""

    def on_result(self, task: TaskSpec, holder: str, result: Result, now: float) -> list[Step]:
        return [step for step in super().on_result(task, holder, result, now) if isinstance(step, End)]

    def on_computed(self, job: Job, value: JobValue, now: float) -> list[Step]:
        return self.begin(now)


def test_no_job_gets_a_slot_that_was_freed_for_a_run_between_two_of_its_rounds() -> None:
    scene = Scene(1)
    scene.submit("low", -1)
    scene.submit("other", -1)
    scene.handle(Submitted(_WithGaps(3, 1, lambda: None)))
    assert scene.look() == ["low"]
    assert scene.end("low") == ["run"]
    for _ in range(2):
        scene.deliver("run")
        assert (scene.look(), scene.work("low").state, scene.work("other").state) == ([], *2 * [WorkState.PENDING])
        begun = scene.handle(Computed(Add("run", 1, "", "", (0, 0)), Done()))
        assert [each.task.work_id for each in begun if isinstance(each, Start)] == ["run"]
    scene.deliver("run")
    assert scene.work("low").state is WorkState.RUNNING


def test_a_slot_that_nobody_uses_is_not_kept_for_ever() -> None:
    scene = Scene(1)
    scene.submit("low", -1)
    scene.handle(Submitted(_WithGaps(3, 1, lambda: None)))
    assert scene.look() == ["low"]
    scene.end("low")
    scene.deliver("run")
    for _ in range(60):
        scene.handle(Beat("n0", 1))
        scene.look()
    assert scene.work("low").state is WorkState.RUNNING


def test_a_run_that_has_made_use_of_a_slot_gets_another_one_of_its_node() -> None:
    scene = Scene(2)
    scene.submit("low0", -1)
    scene.submit("low1", -1)
    scene.handle(Submitted(_WithGaps(2, 3, lambda: None)))
    (first,) = scene.look()
    assert scene.end(first) == ["run"]
    assert scene.look() == [], "perhaps the node turns it down"
    scene.deliver("run")
    (second,) = scene.look()
    assert {first, second} == {"low0", "low1"}


def test_of_thousands_that_want_the_same_not_each_is_tried_where_there_is_no_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene(1)
    scene.submit("low")
    spec = ScriptSpec("high", DataFile("x.zip", "blob", 1), priority=5)
    scene.handle(Submitted(ScriptArray("high", spec, size=500)))
    for index in range(1, 501):
        scene.handle(Submitted(ScriptJob(f"high-{index}", spec, lease_s=60.0, array="high")))
    tried: list[Work] = []

    def counted(work: Work, task: Task | None, pool: NodePool) -> Test:
        tried.append(work)
        return suits(work, task, pool)

    monkeypatch.setattr("coordinator.core.preemption.suits", counted)
    assert scene.look() == ["low"]
    assert len(tried) <= 3
