"""An array in the dispatcher: its members in turns, its end once, and right whatever else ends or is cancelled."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from coordinator.core.arrays import Ended, ScriptArray, member_id
from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import (
    Accepted,
    CancelAsked,
    Command,
    Compute,
    Event,
    NodeUp,
    Note,
    Remembered,
    Reported,
    Start,
    Submitted,
)
from coordinator.core.jobs import EndMembers
from coordinator.core.model import Attempt, WorkState
from coordinator.core.policies import LoadBalancing
from coordinator.core.scripting import ScriptJob
from coordinator.core.settings import Settings
from rpc.errors import FailureKind
from rpc.messages import DataFile, ScriptSpec
from tests.coordinator.test_script_jobs import LEASE_S, ended, offering

SPEC = ScriptSpec("x", DataFile("x.zip", "blob", 1))
FAILS = ended(1, FailureKind.USER_ERROR, "exit status 1")


class Scene:
    """A dispatcher with an array `a`, and a node that has room for everything."""

    def __init__(self, size: int, at_once: int = 0, *, first: Ended | None = None, kept_work: int = 200) -> None:
        self.dispatcher = Dispatcher(LoadBalancing(), Random(0), Settings(kept_work=kept_work))
        self.running: dict[str, Attempt] = {}
        self.most = 0
        self.ends: list[str] = []
        self._ended: list[str] = []
        self.handle(NodeUp(offering("n", slots=64), 1))
        self.handle(Submitted(ScriptArray("a", SPEC, size=size, at_once=at_once, ended=first)))
        n_ended = first.counts.total() if first is not None else 0
        for index in range(n_ended + 1, size + 1):
            self.handle(Submitted(ScriptJob(member_id("a", index), SPEC, lease_s=LEASE_S, array="a")))

    def end(self, index: int, outcome: object = None) -> None:
        attempt = self.running.pop(member_id("a", index))
        self.handle(Reported(attempt, outcome or ended()))  # type: ignore[arg-type]

    def remember(self, work_id: str) -> None:
        self._ended.remove(work_id)
        work = self.dispatcher.work[work_id]
        work.is_remembered = True
        self.handle(Remembered(work_id, work.state))

    def remember_all(self, rng: Random | None = None) -> None:
        while self._ended:
            self.remember((rng or Random(0)).choice(self._ended))

    def handle(self, event: Event) -> None:
        for command in self.dispatcher.handle(event, 0.0):
            self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Start(attempt, task):
                self.running[task.work_id] = attempt
                self.most = max(self.most, len(self.running))
                self.handle(Accepted(attempt))
            case Note(kind, message, work_id) if work_id and WorkState(kind).is_final:
                self._ended.append(work_id)
                if work_id == "a":
                    self.ends.append(f"{kind}: {message}" if message else kind)
            case Compute(EndMembers(_, reason)):
                for member in [each for each in self.dispatcher.open if each != "a"]:
                    self.handle(CancelAsked(member, reason))


def test_it_begins_with_the_first_member_and_ends_with_the_last() -> None:
    scene = Scene(3, at_once=1)
    assert scene.dispatcher.work["a"].state is WorkState.RUNNING
    for index in (1, 2, 3):
        assert list(scene.running) == [member_id("a", index)] and not scene.ends
        scene.end(index)
        scene.remember_all()
    assert (scene.ends, scene.most) == (["completed"], 1)


def test_the_next_begins_once_the_end_before_it_is_committed() -> None:
    scene = Scene(2, at_once=1)
    scene.end(1)
    assert not scene.running
    scene.remember("a-1")
    assert list(scene.running) == ["a-2"]


def test_it_fails_for_the_first_by_index_whichever_failed_first() -> None:
    scene = Scene(4)
    for index, outcome in ((4, FAILS), (1, None), (3, FAILS), (2, None)):
        scene.end(index, outcome)
        scene.remember_all()
    assert scene.ends == ["failed: 2 of 4 failed; the first is a-3: exit status 1"]
    assert scene.dispatcher.work["a"].failure is FailureKind.USER_ERROR


def test_what_had_ended_before_a_restart_counts() -> None:
    scene = Scene(3, first=Ended(Counter({WorkState.COMPLETED: 2})))
    scene.end(3)
    scene.remember_all()
    assert scene.ends == ["completed"]


def test_an_array_of_which_all_had_ended_ends_at_the_restart() -> None:
    scene = Scene(2, first=Ended(Counter({WorkState.COMPLETED: 1, WorkState.CANCELLED: 0})))
    scene.end(2)
    scene.remember_all()
    assert scene.ends == ["completed"]


def test_members_that_nobody_keeps_in_memory_count_all_the_same() -> None:
    scene = Scene(20, at_once=3, kept_work=0)
    while scene.running:
        scene.end(int(next(iter(scene.running)).partition("-")[2]))
        scene.remember_all()
    assert (scene.ends, scene.most) == (["completed"], 3)


def test_a_cancel_that_comes_too_late_for_all_changes_nothing() -> None:
    scene = Scene(2)
    scene.end(1)
    scene.end(2, FAILS)
    scene.handle(CancelAsked("a", "enough"))
    scene.remember_all()
    assert scene.ends == ["failed: 1 of 2 failed; the first is a-2: exit status 1"]


@pytest.mark.parametrize("seed", range(100))
def test_it_ends_once_however_ends_and_cancels_race(seed: int) -> None:
    rng = Random(seed)
    scene = Scene(rng.randint(1, 12), rng.choice([0, 1, 3]), kept_work=rng.choice([0, 200]))
    was_asked = False
    for _ in range(500):
        if scene.ends:
            break
        if scene.running and rng.random() < 0.6:
            scene.end(int(rng.choice(list(scene.running)).partition("-")[2]), rng.choice([None, None, FAILS]))
        elif rng.random() < 0.1:
            member = rng.choice(list(scene.dispatcher.open))
            was_asked |= member == "a"
            scene.handle(CancelAsked(member, "enough"))
        elif rng.random() < 0.5:
            scene.remember_all(rng)
    assert len(scene.ends) == 1
    array = scene.dispatcher.work["a"].workload
    assert isinstance(array, ScriptArray) and array.ended.counts.total() == array.tasks_total
    assert list(scene.dispatcher.open) == []
    if array.ended.counts[WorkState.CANCELLED] and was_asked:
        assert scene.ends == ["cancelled: enough"]
