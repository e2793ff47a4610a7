"""Schedules on a clock that the test turns: each time once, over restarts, removals and jobs that take long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from coordinator.schedules import Schedules
from coordinator.store.changes import Change, ScheduleKept, ScheduleRemoved
from rpc.codec import from_bytes
from rpc.errors import BadRequest, NotFound, StoreDown
from rpc.loop import Loop
from rpc.messages import DataFile, Schedule, ScriptSpec
from rpc.server import Later

SPEC = ScriptSpec("nightly", DataFile("b.zip", "sha256:1", 9), owner="ada", key="mine")
HOUR_MS = 3_600_000


@dataclass
class Around:
    """What is around schedules: a clock, a store, and jobs by key."""

    now_ms: int = 1_000 * HOUR_MS + 60_000
    kept: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    fault: Exception | None = None
    timers: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def remember(self, done: Callable[[], None], change: Change) -> None:
        match change:
            case ScheduleKept():
                self.kept[change.id] = change.body
            case ScheduleRemoved():
                del self.kept[change.id]
        done()

    def submit(self, spec: ScriptSpec) -> Later:
        answer = Later()
        if self.fault is not None:
            answer.fail(self.fault)
        else:
            assert spec.force_queue
            answer.resolve(self.jobs.setdefault(spec.key, f"job-{len(self.jobs) + 1}"))
        return answer

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Any:
        assert 0.0 < delay_s <= 30.0
        self.timers = [(self.now_ms + 1000.0 * delay_s, callback)]
        return SimpleNamespace(cancel=self.timers.clear)

    def start(self) -> Schedules:
        """A coordinator starts, or starts again."""
        self.timers.clear()
        dispatcher: Any = SimpleNamespace(work=self)
        loop = cast(Loop, self)
        schedules = Schedules(
            loop, self.remember, self.submit, dispatcher,
            holds=lambda token: token not in self.revoked, now_s=lambda: self.now_ms / 1000.0,
        )  # fmt: skip
        schedules.recall([*self.kept.values()])
        return schedules

    def get(self, job: str) -> Any:
        return SimpleNamespace(state=SimpleNamespace(is_final=job not in self.running))

    def turn_to(self, now_ms: int) -> None:
        while self.timers and self.timers[0][0] <= now_ms:
            at_ms, callback = self.timers.pop()
            self.now_ms = max(self.now_ms, round(at_ms))
            callback()
        self.now_ms = now_ms


@pytest.fixture
def around() -> Around:
    return Around()


def added(
    schedules: Schedules, cron: str = "0 * * * *", *, overlaps: bool = False, name: str = "schedule-1", token: str = ""
) -> Schedule:
    found: list[Schedule] = []
    schedules.add(name, SPEC, cron, "UTC", overlaps=overlaps, token=token).then(
        lambda value, error: found.append(value)
    )
    return found[0]


def test_each_time_starts_one_job_of_its_own_key(around: Around) -> None:
    made = added(around.start())
    assert made.next_ms == 1_001 * HOUR_MS
    around.turn_to(1_003 * HOUR_MS + 1_000)
    assert [*around.jobs] == [f"schedule-1@{hour * HOUR_MS}" for hour in (1_001, 1_002, 1_003)]
    (known,) = around.start().all()
    assert (known.last_job, known.last_ms, known.next_ms) == ("job-3", 1_003 * HOUR_MS, 1_004 * HOUR_MS)


def test_of_times_that_passed_without_a_coordinator_the_last_is_made_up_for_once(around: Around) -> None:
    added(around.start())
    before = dict(around.kept)
    around.now_ms = 1_009 * HOUR_MS + 120_000
    around.start()
    assert [*around.jobs] == [f"schedule-1@{1_009 * HOUR_MS}"]
    around.kept = before  # killed after the job was kept, before the schedule was
    around.start()
    assert [*around.jobs] == [f"schedule-1@{1_009 * HOUR_MS}"]


@pytest.mark.parametrize("overlaps", [False, True])
def test_a_time_is_left_out_while_the_job_before_runs_unless_they_may_overlap(around: Around, overlaps: bool) -> None:
    schedules = around.start()
    added(schedules, overlaps=overlaps)
    around.running.add("job-1")
    around.turn_to(1_002 * HOUR_MS + 1_000)
    assert len(around.jobs) == 1 + overlaps
    (known,) = schedules.all()
    assert known.fault == ("" if overlaps else "job-1 was not over; nothing was started")
    around.running.clear()
    around.turn_to(1_003 * HOUR_MS + 1_000)
    assert len(around.jobs) == 2 + overlaps and schedules.all()[0].fault == ""


def test_while_the_store_is_down_it_stays_due(around: Around) -> None:
    schedules = around.start()
    added(schedules)
    around.fault = StoreDown("locked")
    around.turn_to(1_001 * HOUR_MS + 10_000)
    assert not around.jobs
    around.fault = None
    around.turn_to(1_001 * HOUR_MS + 50_000)
    assert [*around.jobs] == [f"schedule-1@{1_001 * HOUR_MS}"]


def test_what_is_refused_is_told_and_the_next_time_is_tried(around: Around) -> None:
    schedules = around.start()
    added(schedules)
    around.fault = NotFound("b.zip is not here")
    around.turn_to(1_001 * HOUR_MS + 10_000)
    assert (schedules.all()[0].fault, schedules.all()[0].next_ms) == ("b.zip is not here", 1_002 * HOUR_MS)


def test_one_that_is_paused_starts_nothing_and_makes_up_for_nothing(around: Around) -> None:
    schedules = around.start()
    added(schedules)
    schedules.order("schedule-1", "pause")
    around.turn_to(1_005 * HOUR_MS + 1_000)
    schedules = around.start()
    assert schedules.all()[0].paused
    schedules.order("schedule-1", "resume")
    assert not around.jobs and schedules.all()[0].next_ms == 1_006 * HOUR_MS
    schedules.order("schedule-1", "remove")
    assert not around.kept and not schedules.all()


def test_one_whose_token_holds_no_more_is_paused_until_somebody_vouches_for_it(around: Around) -> None:
    schedules = around.start()
    added(schedules, token="old")
    around.turn_to(1_001 * HOUR_MS + 1_000)
    around.revoked.add("old")
    around.turn_to(1_002 * HOUR_MS + 1_000)
    (known,) = around.start().all()
    assert known.paused and known.fault.startswith("the token old by which it was made holds no more")
    around.turn_to(1_005 * HOUR_MS + 1_000)
    assert [*around.jobs.values()] == ["job-1"]
    schedules = around.start()
    schedules.order("schedule-1", "resume", token="new")
    around.turn_to(1_006 * HOUR_MS + 1_000)
    assert [*around.jobs.values()] == ["job-1", "job-2"] and schedules.all()[0].fault == ""


def test_the_same_key_of_the_same_owner_makes_one_schedule(around: Around) -> None:
    schedules = around.start()
    assert added(schedules).id == added(schedules, name="schedule-2").id == "schedule-1"
    assert from_bytes(Schedule, around.kept["schedule-1"]) == schedules.all()[0]


def test_what_cannot_be_is_refused(around: Around) -> None:
    schedules = around.start()
    with pytest.raises(BadRequest, match="is no cron expression"):
        schedules.add("schedule-1", SPEC, "0 0 31 2 *", "UTC", overlaps=False)
    with pytest.raises(BadRequest, match="leave --after out"):
        schedules.add("schedule-1", replace(SPEC, after=("job-1",)), "@daily", "UTC", overlaps=False)
    with pytest.raises(NotFound, match="no schedule is called 'schedule-9'"):
        schedules.order("schedule-9", "pause")
    added(schedules)
    with pytest.raises(BadRequest, match="pause, resume or remove, not 'stop'"):
        schedules.order("schedule-1", "stop")
