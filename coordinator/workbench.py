"""Carries out the jobs of the core: small ones at once, all others on two threads, so that the loop never waits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePath
from time import perf_counter
from typing import TypeVar

import numpy as np

from coordinator.core import jobs
from coordinator.core.training import TrainingRun
from coordinator.vectors import RunVectors
from mlcore.averaging import ServerOptimizer, chunks
from mlcore.metrics import evaluate
from mlcore.mlp import init_weights
from mlcore.shards import DataError, Shard, parse_rows, prepare, survey
from rpc.arrays import bytes_of
from rpc.blobs import BlobFolder, blob_name, parts
from rpc.errors import FailureKind, TrainerError
from rpc.loop import Loop

logger = logging.getLogger(__name__)

T = TypeVar("T")
Finish = Callable[[jobs.JobValue], None]

_SMALL = 1 << 14  # elements: below it an addition costs less than handing it to a thread


class Workbench:
    """Owns the vectors of all runs. Everything but the bodies of jobs runs on the loop's thread."""

    def __init__(self, loop: Loop, blobs: BlobFolder) -> None:
        self._loop = loop
        self._blobs = blobs
        self._runs: dict[str, TrainingRun] = {}
        self._vectors: dict[str, RunVectors] = {}
        self._validation: dict[str, Shard] = {}
        self._sums = ThreadPoolExecutor(1, "sums")
        self._background = ThreadPoolExecutor(1, "background")

    def open(self, run: TrainingRun) -> None:
        """Make room for the vectors of a run."""
        self._runs[run.id] = run
        self._vectors[run.id] = RunVectors(ServerOptimizer(run.spec.server_optimizer))

    def vectors(self, run: str) -> RunVectors | None:
        """The vectors of a run, unless it is over."""
        return self._vectors.get(run)

    def release(self, run: str) -> None:
        self._vectors.pop(run, None)
        self._validation.pop(run, None)
        self._runs.pop(run, None)

    def close(self) -> None:
        self._sums.shutdown(wait=False, cancel_futures=True)
        self._background.shutdown(wait=False, cancel_futures=True)

    def aside(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        """Run `work` on a thread; `done` gets what it returned or raised, on the loop."""
        self._submit(self._sums, work, done)

    def do(self, job: jobs.Job, finish: Finish) -> None:
        """Carry out a job; `finish` is called on the loop, at once for a small one."""
        vectors = self._vectors.get(job.run)
        if vectors is None:
            return  # the run is over
        match job:
            case jobs.Discard(_, version):
                vectors.models.pop(version, None)
            case jobs.Add() | jobs.Apply() if self._is_small(job, vectors):
                finish(_guarded(lambda: self._body(job, vectors)))
            case jobs.Add() | jobs.Apply() | jobs.Init():
                self._submit(self._sums, lambda: _guarded(lambda: self._body(job, vectors)), _to(finish))
            case _:
                self._submit(self._background, lambda: _guarded(lambda: self._body(job, vectors)), _to(finish))

    def _is_small(self, job: jobs.Add | jobs.Apply, vectors: RunVectors) -> bool:
        holder = job.left if isinstance(job, jobs.Add) else job.holder
        return vectors.sums[holder].size <= _SMALL

    def _submit(self, pool: ThreadPoolExecutor, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        def finish() -> None:
            error = future.exception()
            done(future.result() if error is None else error)  # type: ignore[arg-type]

        future = pool.submit(work)
        future.add_done_callback(lambda _: self._loop.post(finish))

    def _body(self, job: jobs.Job, vectors: RunVectors) -> jobs.JobValue:
        started = perf_counter()
        match job:
            case jobs.LoadValidation():
                return self._load_validation(job.run)
            case jobs.Init():
                vectors.models[0] = init_weights(job.layers, init=job.init, seed=job.seed, dtype=job.dtype)
            case jobs.Add():
                total, right = vectors.sums[job.left], vectors.sums.pop(job.right)
                for part in chunks(total.size):
                    total[part] += right[part]
            case jobs.Apply():
                model, total = vectors.models[job.round - 1], vectors.sums.pop(job.holder)
                vectors.models[job.round] = vectors.optimizer.apply(model, total, job.divisor)
            case jobs.Validate():
                return self._validate(job, vectors, started)
            case jobs.Seal():
                return self._seal(vectors.models[job.round])
        return jobs.Done(perf_counter() - started)

    def _load_validation(self, run: str) -> jobs.ValidationInfo:
        file = self._runs[run].spec.validation
        shard = parse_rows(self._blobs.read(file.blob), name=file.file)
        classes = self._runs[run].spec.classes
        if classes and shard.y.max() >= classes:
            line = int(np.argmax(shard.y >= classes)) + 1
            raise DataError(
                f"{file.file}:{line}: label {shard.y[line - 1]} is not below k = {classes}; give a larger --k"
            )
        self._validation[run] = shard
        stats = survey(shard)
        return jobs.ValidationInfo(PurePath(file.file).name, stats.rows, stats.columns, stats.max_label)

    def _validate(self, job: jobs.Validate, vectors: RunVectors, started: float) -> jobs.Score:
        run = self._runs[job.run]
        assert run.plan is not None
        settings, offset, scale = run.plan.settings, run.plan.offset, run.plan.scale
        x, y = prepare(
            self._validation[job.run],
            dtype=settings.dtype,
            offset=np.frombuffer(offset, "<f8") if offset else None,
            scale=np.frombuffer(scale, "<f8") if scale else None,
        )
        found = evaluate(vectors.models[job.round], x, y, settings.layers, activation=settings.activation)
        return jobs.Score(found.error, found.loss, perf_counter() - started)

    def _seal(self, model: np.ndarray[tuple[int], np.dtype[np.floating]]) -> jobs.Sealed:
        data = bytes_of(model.astype(model.dtype.newbyteorder("<"), copy=False))
        name = blob_name(data)
        for offset, length in parts(data.nbytes):
            self._blobs.put(name, data.nbytes, offset, data[offset : offset + length])
        return jobs.Sealed(name, name.partition(":")[2], data.nbytes)


def _to(finish: Finish) -> Callable[[jobs.JobValue | Exception], None]:
    def done(value: jobs.JobValue | Exception) -> None:
        if isinstance(value, Exception):
            logger.error("a job failed unexpectedly", exc_info=value)
            value = jobs.Unable(FailureKind.INTERNAL, f"an internal error: {value}; the coordinator's log has it")
        finish(value)

    return done


def _guarded(body: Callable[[], jobs.JobValue]) -> jobs.JobValue:
    """Turn what may go wrong in a job into its answer; a bug stays an exception."""
    try:
        return body()
    except DataError as error:
        return jobs.Unable(FailureKind.USER_ERROR, str(error))
    except FloatingPointError as error:
        return jobs.Unable(FailureKind.DIVERGED, str(error))
    except MemoryError:
        return jobs.Unable(FailureKind.OUT_OF_MEMORY, "the coordinator has not enough memory for this model")
    except TrainerError as error:
        return jobs.Unable(error.kind, str(error))
