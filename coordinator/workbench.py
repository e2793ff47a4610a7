"""Carries out the jobs of the core: small ones at once, all others on two threads, so that the loop never waits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from time import perf_counter
from typing import Any

import numpy as np

from coordinator.core import jobs
from coordinator.core.training import TrainingRun
from coordinator.data_files import data_of
from coordinator.vectors import RunVectors
from mlcore.averaging import ServerOptimizer, chunks
from mlcore.kernels.backend import FloatArray
from mlcore.metrics import Evaluator
from mlcore.mlp import init_weights, n_weights
from mlcore.shards import DataError, Shard, check_labels, parse_rows, prepare, survey
from rpc.arrays import bytes_of
from rpc.aside import Aside, outcome_of
from rpc.blobs import BlobFolder
from rpc.errors import DiskFull, FailureKind, MissingBlob, TrainerError
from rpc.loop import Loop

logger = logging.getLogger(__name__)

Finish = Callable[[jobs.JobValue], None]

# What costs less than handing it to a thread.
_SMALL = 1 << 18  # numbers to add
_QUICK_PRODUCTS = 1 << 20  # rows to validate x weights: a fifth of a millisecond
_RETRY_S = 2.0  # until a disk that took nothing is asked again
_QUICK_UNITS = 1 << 16  # rows to validate x units: passes over what is no product, up to 0.8 ms


@dataclass(slots=True)
class _Bench:
    """What the jobs of one run work on; a thread that still works on a run that is over holds the last reference."""

    run: TrainingRun
    vectors: RunVectors
    validation: Shard | None = None
    evaluator: Evaluator | None = None


class Workbench:
    """Owns the vectors of all runs. Everything but the bodies of jobs runs on the loop's thread."""

    def __init__(self, loop: Loop, blobs: BlobFolder) -> None:
        self._loop = loop
        self._blobs = blobs
        self._benches: dict[str, _Bench] = {}
        self._sums = Aside(loop, 1, "sums")
        self._background = Aside(loop, 1, "background")

    def open(self, run: TrainingRun) -> None:
        """Make room for the vectors of a run."""
        vectors = RunVectors(run.id, ServerOptimizer(run.spec.server_optimizer, run.spec.server_eta))
        self._benches[run.id] = _Bench(run, vectors)

    def vectors(self, run: str) -> RunVectors | None:
        """The vectors of a run, unless it is over."""
        bench = self._benches.get(run)
        return bench.vectors if bench is not None else None

    def release(self, run: str) -> None:
        """The run is over."""
        self._benches.pop(run, None)

    def close(self) -> None:
        self._sums.close()
        self._background.close()

    def aside(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Run `work` on a thread; `done` gets what it returned or raised, on the loop."""
        self._sums.run(work, done)

    def do(self, job: jobs.Job, finish: Finish) -> None:
        """Carry out a job; `finish` is called on the loop, at once for a small one, never for a run that is over."""
        bench = self._benches.get(job.run)
        if bench is None:
            return
        match job:
            case jobs.Discard(_, version):
                bench.vectors.discard(version)
            case jobs.Add() | jobs.Apply() if _is_small(job, bench.vectors):
                finish(_guarded(lambda: self._body(job, bench)))
            case jobs.Validate() if _is_quick_here(bench):
                # On a thread it would take turns with the loop while the next round goes out; here it comes after that.
                self._loop.post(lambda: _to(finish)(outcome_of(lambda: _guarded(lambda: self._body(job, bench)))))
            case jobs.Add() | jobs.Apply() | jobs.Init() | jobs.Load():
                self._sums.run(lambda: _guarded(lambda: self._body(job, bench)), _to(finish))
            case jobs.Seal():
                self._seal(job, bench, finish)
            case _:
                self._background.run(lambda: _guarded(lambda: self._body(job, bench)), _to(finish))

    def _body(self, job: jobs.Job, bench: _Bench) -> jobs.JobValue:
        started, vectors = perf_counter(), bench.vectors
        match job:
            case jobs.LoadValidation():
                return self._load_validation(bench)
            case jobs.Init():
                vectors.set_model(0, init_weights(job.layers, init=job.init, seed=job.seed, dtype=job.dtype))
            case jobs.Load():
                self._load(job, bench)
            case jobs.Add():
                total, right = vectors.sums[job.left], vectors.sums.pop(job.right)
                for part in chunks(total.size):
                    total[part] += right[part]
            case jobs.Apply():
                total = job.aggregation.combine([vectors.sums.pop(holder) for holder in job.holders])
                vectors.advance(job.round, total, job.divisor)
            case jobs.Validate():
                return _validate(job.round, bench)
        return jobs.Done(perf_counter() - started)

    def _load_validation(self, bench: _Bench) -> jobs.ValidationInfo:
        file = bench.run.spec.validation
        shard = parse_rows(data_of(file, self._blobs), name=file.file)
        check_labels(shard, bench.run.spec.classes, name=file.file)
        bench.validation = shard
        stats = survey(shard)
        return jobs.ValidationInfo(PurePath(file.file).name, stats.rows, stats.columns, stats.max_label)

    def _load(self, job: jobs.Load, bench: _Bench) -> None:
        """Take up a committed version, whose bytes are those of its name."""
        dtype = np.dtype(bench.run.spec.dtype).newbyteorder("<")
        if not job.model:
            raise MissingBlob("no file of it is stored")
        model = np.frombuffer(self._blobs.checked(job.model), dtype).astype(bench.run.spec.dtype)
        if job.optimizer:
            state = np.frombuffer(self._blobs.checked(job.optimizer), dtype).astype(bench.run.spec.dtype)
            bench.vectors.optimizer.state = state
        bench.vectors.set_model(job.round, model)

    def _seal(self, job: jobs.Seal, bench: _Bench, finish: Finish) -> None:
        """Store the final model; while the disk takes nothing, again and again."""

        def done(value: jobs.Sealed | Exception) -> None:
            if not isinstance(value, DiskFull | OSError):
                _to(finish)(value)
            elif job.run in self._benches:
                logger.error("the model of %s waits to be stored: %s", job.run, value)
                self._loop.call_later(_RETRY_S, lambda: self._seal(job, bench, finish))

        self._background.run(lambda: self._sealed(bench.vectors.models[job.round]), done)

    def _sealed(self, model: FloatArray) -> jobs.Sealed:
        data = bytes_of(model.astype(model.dtype.newbyteorder("<"), copy=False))
        name = self._blobs.store(data)
        return jobs.Sealed(name, name.partition(":")[2], data.nbytes)


def _is_small(job: jobs.Add | jobs.Apply, vectors: RunVectors) -> bool:
    if isinstance(job, jobs.Apply) and job.aggregation.is_robust:
        return False  # sorting takes a hundred times as long as adding
    holders = (job.left,) if isinstance(job, jobs.Add) else job.holders
    return vectors.sums[holders[0]].size * len(holders) <= _SMALL


def _is_quick_here(bench: _Bench) -> bool:
    if bench.evaluator is None or bench.run.plan is None:
        return False
    return is_quick(bench.evaluator.n_rows, bench.run.plan.settings.layers)


def is_quick(n_rows: int, layers: Sequence[int]) -> bool:
    """Whether a model of these layers is validated on so many rows within a millisecond."""
    return n_rows * n_weights(layers) <= _QUICK_PRODUCTS and n_rows * sum(layers) <= _QUICK_UNITS


def _validate(version: int, bench: _Bench) -> jobs.Score:
    started, plan = perf_counter(), bench.run.plan
    assert plan is not None
    if bench.evaluator is None:
        assert bench.validation is not None
        settings = plan.settings
        rows = prepare(
            bench.validation,
            dtype=settings.dtype,
            offset=np.frombuffer(plan.offset, "<f8") if plan.offset else None,
            scale=np.frombuffer(plan.scale, "<f8") if plan.scale else None,
        )
        bench.evaluator = Evaluator(*rows, settings.layers, activation=settings.activation, dtype=settings.dtype)
        bench.validation = None
    found = bench.evaluator.evaluate(bench.vectors.models[version])
    return jobs.Score(found.error, found.loss, perf_counter() - started)


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
    except OSError as error:
        return jobs.Unable(FailureKind.SETUP_FAILED, f"the coordinator cannot use its data folder: {error.strerror}")
    except TrainerError as error:
        return jobs.Unable(error.kind, str(error))
