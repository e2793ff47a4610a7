"""A script job: one task, which runs a program on a node, and whose end is the end of the work."""

from __future__ import annotations

from dataclasses import replace

from coordinator.core.jobs import Job, JobValue
from coordinator.core.workload import (
    After,
    Before,
    Claim,
    End,
    Interrupt,
    Limits,
    Queue,
    Result,
    Scripted,
    ScriptNeeds,
    ScriptPayload,
    Step,
    TaskSpec,
)
from rpc.errors import FailureKind
from rpc.messages import ScriptSpec, ScriptUsage

SCRIPT = "script"

GRACE_S = 10.0  # that a cancelled program has to end by itself
_KILL_S = 20.0  # after that, for its node to end it and to tell what it has left


def claim_of(spec: ScriptSpec) -> Claim:
    """What a script job asks of the queue."""
    level = spec.sandbox or ("docker" if spec.image else "")
    return Claim(
        owner=spec.owner,
        key=spec.key,
        priority=spec.priority,
        select=spec.select,
        script=ScriptNeeds(level, spec.gpus, spec.memory_bytes, spec.cpus, spec.network == "full"),
        after=tuple(After(*each) for each in spec.predecessors),
        holds_place=True,
    )


class ScriptJob:
    """The state of a job between events.

    Attributes:
        result: how it ended, once it has.
        usage: what it was last said to use; decides nothing.
        value: what it gave as its result, as JSON; decides nothing either.
    """

    kind = SCRIPT
    mixed_classes = False
    tasks_total = 1

    def __init__(
        self, job_id: str, spec: ScriptSpec, *, lease_s: float, before: Before | None = None, array: str = ""
    ) -> None:
        """`lease_s` is how long a node goes on with it that the coordinator does not hear of.

        Args:
            before: what was committed before this start, if a node had it then.
            array: that it is a member of; the index there ends its own id.
        """
        self.id = job_id
        self.spec = spec
        self.name = spec.name
        self.limits = Limits(spec.retries + 1, spec.retries + 1)
        self.claim = claim_of(spec)
        if array:
            self.claim = replace(self.claim, array=array, index=int(job_id.rpartition("-")[2]))
        self.result: Scripted | None = None
        self.usage = ScriptUsage()
        self.value = ""
        self._lease_s = lease_s
        self._before = before
        self._is_placed = False
        self._cancelled = ""
        self._end_by: float | None = None

    @property
    def task_id(self) -> str:
        return f"{self.id}/0/0"

    @property
    def deadline(self) -> float | None:
        return self._end_by

    def begin(self, now: float) -> list[Step]:
        task = TaskSpec(
            self.task_id,
            self.id,
            SCRIPT,
            (0, 0),
            ScriptPayload(self.spec),
            self.spec.bundle.blob,
            lease_s=self._lease_s,
        )
        # One that ran before a restart may run on, and must not run twice.
        return [Queue(task, self._before)]

    def on_placed(self, task: TaskSpec, waited_s: float) -> None:
        self._is_placed = True

    def on_set_back(self, task: TaskSpec, rejected: bool) -> list[Step]:
        """What was cancelled is not started anew, nor gone on with: that would forget the grace it has had."""
        self._is_placed = False
        return [End(FailureKind.CANCELLED, self._cancelled)] if self._cancelled else []

    def on_result(self, task: TaskSpec, holder: str, result: Result, now: float) -> list[Step]:
        assert isinstance(result, Scripted)
        self.result, self.usage = result, result.usage
        if self._cancelled:
            return [End(FailureKind.CANCELLED, self._cancelled)]
        return [End(FailureKind(result.end.failure), result.end.reason)]

    def on_task_failed(self, task: TaskSpec, kind: FailureKind, message: str) -> list[Step]:
        return [End(FailureKind.CANCELLED, self._cancelled) if self._cancelled else End(kind, message)]

    def on_cancel(self, reason: str, now: float) -> list[Step]:
        """Have the program end itself, so that it can leave something; what runs nowhere ends at once."""
        if not self._is_placed:
            return [End(FailureKind.CANCELLED, reason)]
        if self._cancelled:
            return []
        self._cancelled, self._end_by = reason, now + GRACE_S + _KILL_S
        return [Interrupt(self.task_id, GRACE_S)]

    def on_deadline(self, waiting_for: str, now: float) -> list[Step]:
        return [End(FailureKind.CANCELLED, self._cancelled)]

    def on_computed(self, job: Job, value: JobValue, now: float) -> list[Step]:
        raise AssertionError(f"a script job asks for no {job}")

    def may_fetch(self, task: TaskSpec) -> bool:
        return True
