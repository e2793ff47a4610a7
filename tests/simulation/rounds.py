"""Work like a training run, as far as the queue is concerned: rounds of tasks that nothing of survives its node."""

from __future__ import annotations

from collections.abc import Callable

from coordinator.core.jobs import Job, JobValue
from coordinator.core.workload import Claim, End, Limits, Queue, Result, Step, SurveyPayload, TaskSpec
from rpc.errors import FailureKind


class Rounds:
    """So many rounds of so many tasks; `done` is called after each round."""

    kind = "run"
    mixed_classes = False
    deadline = None
    id = name = "run"
    limits = Limits(max_attempts=10_000, max_node_losses=10_000)
    claim = Claim(owner="a")

    def __init__(self, n_rounds: int, n_shards: int, done: Callable[[], None]) -> None:
        self._left = n_rounds
        self._n_shards = n_shards
        self._done = done
        self._open = 0

    @property
    def tasks_total(self) -> int:
        return self._left * self._n_shards

    def begin(self, now: float) -> list[Step]:
        self._open = self._n_shards
        shards = range(self._n_shards)
        return [
            Queue(TaskSpec(f"run/{self._left}/{shard}", "run", "train", (self._left, shard), SurveyPayload(shard)))
            for shard in shards
        ]

    def on_placed(self, task: TaskSpec, waited_s: float) -> None: ...

    def on_set_back(self, task: TaskSpec, rejected: bool) -> list[Step]:
        return []

    def on_result(self, task: TaskSpec, holder: str, result: Result, now: float) -> list[Step]:
        self._open -= 1
        if self._open:
            return []
        self._left -= 1
        self._done()
        return self.begin(now) if self._left else [End()]

    def on_task_failed(self, task: TaskSpec, kind: FailureKind, message: str) -> list[Step]:
        return [End(kind, message)]

    def on_computed(self, job: Job, value: JobValue, now: float) -> list[Step]:
        return []

    def on_deadline(self, waiting_for: str, now: float) -> list[Step]:
        return []

    def on_cancel(self, reason: str, now: float) -> list[Step]:
        return [End(FailureKind.CANCELLED, reason)]

    def may_fetch(self, task: TaskSpec) -> bool:
        return True
