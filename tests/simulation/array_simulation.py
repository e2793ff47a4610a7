"""One simulated schedule of jobs of which many are an array: its turns, and its one end, are checked as well."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from random import Random

from coordinator.core.arrays import BAD_ENDS, BadEnd, Ended, ScriptArray, array_of
from coordinator.core.events import CancelAsked, Command, Compute, Event, Note, Release, Remembered, Start, Submitted
from coordinator.core.jobs import EndMembers
from coordinator.core.model import WorkState
from coordinator.core.saved import Past
from rpc.errors import FailureKind
from rpc.messages import DataFile, ScriptSpec
from tests.simulation.flaw import Flaw
from tests.simulation.job_ends import Row, submission
from tests.simulation.job_schedule import JobPlan, JobSchedule, make_job_schedule
from tests.simulation.job_simulation import JobSimulation

_ARRAY = "a"
_FAILURES = {WorkState.FAILED: FailureKind.USER_ERROR, WorkState.CANCELLED: FailureKind.CANCELLED}
_SPEC = ScriptSpec(_ARRAY, DataFile("x.zip", "blob", 1))


def with_array(seed: int, number: int) -> JobSchedule:
    """Schedule `number` of jobs, where about half of the jobs are members of an array."""
    schedule, rng = make_job_schedule(seed, number), Random(f"array/{seed}/{number}")
    size = max(1, round(rng.uniform(0.3, 1.0) * len(schedule.jobs)))
    members = [replace(job, id=f"{_ARRAY}-{index}", submit_at=1.0) for index, job in enumerate(schedule.jobs[:size], 1)]
    rest = (*members, *schedule.jobs[size:])
    jobs = tuple(replace(job, after=(), cancel_at=job.cancel_at and max(1.01, job.cancel_at)) for job in rest)
    return replace(schedule, jobs=jobs, kept_work=rng.choice([0, 3, 200]))


class ArraySimulation(JobSimulation):
    """Runs a schedule to its end; raises Flaw when the coordinator breaks a promise."""

    def __init__(self, seed: int, number: int) -> None:
        super().__init__(with_array(seed, number))
        rng = Random(f"array/{seed}/{number}/settings")
        self.state: WorkState | None = None
        self._at_once = rng.choice([0, 1, 2])
        self._members = {plan.id: plan for plan in self.schedule.jobs if array_of(plan.id) == _ARRAY}
        self._taken_up_in = 0  # the start that knows the array
        self._has_started = self._is_asked = False
        self._at_work: set[str] = set()
        if rng.random() < 0.4:
            self.clock.after(rng.uniform(1.1, 30.0), self._cancel_all)

    def _is_done(self) -> bool:
        return super()._is_done() and self.state is not None

    def _start(self) -> None:
        super()._start()
        if self.rows.keys() >= self._members.keys():
            self._take_up_array()
        if self._is_asked:
            self.handle(CancelAsked(_ARRAY, "enough"))

    def _submit(self, plan: JobPlan) -> None:
        """All members are committed at once; the coordinator takes them up one after the other."""
        if plan.id in self._members and plan.id not in self.rows:
            self.rows.update((each.id, Row(each)) for each in self._members.values())
            for member in self._members.values():
                super()._submit(member)
        elif plan.id not in self._members:
            super()._submit(plan)

    def _take_up_array(self) -> None:
        if self._taken_up_in == self._starts or self._dispatcher is None or self.state is not None:
            return
        self._taken_up_in = self._starts
        states = {name: self.rows[name].state for name in self._members}
        ended = Ended(Counter(state for state in states.values() if state is not None))
        for index, state in enumerate(states.values(), 1):
            if state in BAD_ENDS:
                ended.first.setdefault(state, BadEnd(index, f"{_ARRAY}-{index}", _FAILURES[state], ""))
        array = ScriptArray(_ARRAY, _SPEC, size=len(states), at_once=self._at_once, ended=ended)
        started_at = 0.0 if self._has_started else None
        super().handle(Submitted(array, self.clock.now, Past(started_at=started_at)))

    def handle(self, event: Event) -> None:
        if isinstance(event, Submitted) and event.workload.id in self._members:
            self._take_up_array()
        super().handle(event)

    def _submission(self, row: Row) -> Submitted:
        return submission(row, self.rows, array=_ARRAY if row.plan.id in self._members else "")

    def _carry_out(self, command: Command) -> None:
        match command:
            case Note("running", _, "a"):
                self._commit(partial(setattr, self, "_has_started", True))
            case Release("a"):
                self._end_array()
            case Compute(EndMembers()):
                for member in self._members:
                    if self.rows[member].state is None:
                        self.clock.after(self._rng.uniform(0.0, 0.5), partial(self._cancel, member))
            case Start(attempt, task) if task.work_id in self._members:
                self._at_work.add(task.work_id)
                at_work = [member for member in self._at_work if self.rows[member].state is None]
                if self._at_once and len(at_work) > self._at_once:
                    raise Flaw(f"{attempt.id} begins beside {len(at_work) - 1} others, of at most {self._at_once}")
        super()._carry_out(command)

    def _cancel_all(self) -> None:
        self._is_asked = True
        if self.state is None:
            self.handle(CancelAsked(_ARRAY, "enough"))

    def _end_array(self) -> None:
        assert self._dispatcher is not None
        work, states = self._dispatcher.work[_ARRAY], [self.rows[member].state for member in self._members]
        if None in states:
            raise Flaw("the array ends before the end of all members is committed")
        bad = next((state for state in BAD_ENDS if state in states), WorkState.COMPLETED)
        if self._is_asked and WorkState.CANCELLED in states and work.state in BAD_ENDS:
            bad = work.state  # a restart may have forgotten who asked
        if work.state is not bad:
            raise Flaw(f"the array is {work.state}, and its members are {Counter(states)}")

        def committed() -> None:
            if self.state is not None:
                raise Flaw("the array ended twice")
            self.state = work.state
            work.is_remembered = True
            self.handle(Remembered(_ARRAY, work.state))

        self._commit(committed)
