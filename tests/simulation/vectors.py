"""The vectors that the simulated coordinator holds: strict, as whoever takes what is not there has a bug."""

from __future__ import annotations

import numpy as np

from coordinator.core import jobs
from mlcore.kernels.backend import FloatArray
from rpc.errors import FailureKind
from tests.simulation import trainer
from tests.simulation.flaw import Flaw
from tests.simulation.schedule import RunPlan
from tests.simulation.store import Blobs


class Vectors:
    """Models by version and sums by holder, of every run that is not released."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._runs: dict[str, RunPlan] = {}
        self._models: dict[str, dict[int, int]] = {}
        self._sums: dict[str, dict[str, int]] = {}
        self._strays: dict[str, str] = {}  # arrived for a run that is released: holder to run
        self._states: dict[str, dict[int, int]] = {}  # what the server optimizer kept after each version
        self.peak: dict[str, int] = {}

    def open(self, run: RunPlan) -> None:
        self._runs[run.id] = run
        self._models[run.id], self._sums[run.id], self._states[run.id] = {}, {}, {}
        self.peak[run.id] = 0

    def model(self, run: str, version: int) -> int:
        models = self._models[run]
        if version not in models:
            raise Flaw(f"run {run} needs version {version} of its model, which is discarded or never was")
        return models[version]

    def state(self, run: str, version: int) -> int | None:
        return self._states[run].get(version)

    def put(self, run: str, holder: str, value: int) -> None:
        if run not in self._sums:
            self._strays[holder] = run
            return
        sums = self._sums[run]
        if holder in sums:
            raise Flaw(f"vector {holder} arrived twice")
        sums[holder] = value

    def note_peak(self) -> None:
        for run, sums in self._sums.items():
            self.peak[run] = max(self.peak[run], len(sums))

    def drop(self, holder: str) -> None:
        if not holder:  # the result of a survey, which has no vector
            return
        owners = [run for run, sums in self._sums.items() if holder in sums]
        if owners:
            del self._sums[owners[0]][holder]
        elif self._strays.pop(holder, None) is None:
            raise Flaw(f"vector {holder} is dropped but not there")

    def release(self, run: str) -> None:
        if self._runs.pop(run, None) is None:
            raise Flaw(f"run {run} is released twice")
        del self._sums[run], self._models[run], self._states[run]

    def is_open(self, run: str) -> bool:
        return run in self._runs

    def left(self) -> list[str]:
        """Every vector that is still here."""
        return [holder for sums in self._sums.values() for holder in sums] + list(self._strays)

    def compute(self, job: jobs.Job) -> jobs.JobValue:
        """Carry the job out."""
        plan = self._runs[job.run]
        models = self._models[job.run]
        match job:
            case jobs.LoadValidation():
                return jobs.ValidationInfo("validate.txt", rows=10, columns=4, max_label=3)
            case jobs.Load() if self._blobs.damaged & {job.model, job.optimizer}:
                return jobs.Unable(FailureKind.MISSING_BLOB, "was damaged")
            case jobs.Load():
                models[job.round] = self._blobs.number(job.model)
                if job.optimizer:
                    self._states[job.run][job.round] = self._blobs.number(job.optimizer)
            case jobs.Init():
                models[0] = trainer.start_model(job.seed)
            case jobs.Add():
                left, right = self._take(job.run, job.left), self._take(job.run, job.right)
                self._sums[job.run][job.left] = trainer.add(left, right)
            case jobs.Apply():
                total = trainer.aggregate(job.aggregation, [self._take(job.run, holder) for holder in job.holders])
                before = self.state(job.run, job.round - 1)
                state = trainer.next_state(plan.spec.server_optimizer, before, total)
                if state is not None:
                    self._states[job.run][job.round] = state
                models[job.round] = trainer.average(self.model(job.run, job.round - 1), total, job.divisor, state)
            case jobs.Validate():
                error = trainer.validation_error(self.model(job.run, job.round))
                return jobs.Score(error, loss=error)
            case jobs.Seal():
                model = self.model(job.run, job.round)
                data = as_array(model).tobytes()
                return jobs.Sealed(self._blobs.store(data), f"{model:016x}", size_bytes=len(data))
            case jobs.Discard():
                self.model(job.run, job.round)
                del models[job.round]
                self._states[job.run].pop(job.round, None)
        if len(models) > _MODELS_AT_ONCE:
            raise Flaw(f"run {plan.id} holds {len(models)} versions of its model: {sorted(models)}")
        return jobs.Done()

    def _take(self, run: str, holder: str) -> int:
        value = self._sums[run].pop(holder, None)
        if value is None:
            raise Flaw(f"run {run} needs vector {holder}, which is not there")
        return value


def as_array(value: int) -> FloatArray:
    """A digest as the program keeps a vector."""
    return np.array([value], np.uint64).view(np.float64)


_MODELS_AT_ONCE = 3  # the one being validated, its predecessor and the one being made
