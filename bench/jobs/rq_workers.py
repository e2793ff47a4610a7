"""RQ: a Redis server and four workers, which fork for each job; a job starts a process without any sandbox.

RQ has no logs: the job sends its lines through a list in Redis. The variant `fork` starts no process: the worker's
fork calls a function, which is RQ's own way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from socket import create_server
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import uuid4

import psutil
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from rq import Queue
from rq.job import Job
from rq.results import Result

from bench.jobs import rq_job
from bench.jobs.child import AT_A_TIME, Times
from bench.programs import program, running

_WAIT_S = 120


class Workers:
    """See `bench.jobs.child.System`."""

    def __init__(self, redis: Redis, processes: Mapping[str, int], *, forks_only: bool) -> None:
        self._redis = redis
        self._queue = Queue(connection=redis)
        self._run = rq_job.print_one if forks_only else rq_job.run
        self._has_lines = not forks_only
        self._processes = processes

    def one(self, code: str, on_line: Callable[[str], None]) -> Times:
        started, first_s = perf_counter(), None
        lines = f"lines:{uuid4()}"
        job = self._queue.enqueue(self._run, code, lines)
        while self._has_lines and (line := self._next(lines)):
            first_s = first_s or perf_counter() - started
            on_line(line)
        _check(job)
        return Times(first_s, perf_counter() - started)

    def many(self, code: str, number: int) -> float:
        started = perf_counter()
        asked = [Queue.prepare_data(self._run, (code, "")) for _ in range(number)]
        for job in self._queue.enqueue_many(asked):
            _check(job)
        return perf_counter() - started

    def further(self) -> Mapping[str, float]:
        return {
            f"{name}-MB": psutil.Process(process).memory_info().rss / 1e6 for name, process in self._processes.items()
        }

    def _next(self, lines: str) -> str:
        """The next line; empty after the last."""
        found = self._redis.blpop([lines], timeout=_WAIT_S)
        if found is None:
            raise TimeoutError(f"no line within {_WAIT_S} s")
        return str(found[1].decode())


def _check(job: Job) -> None:
    """Wait for the end of a job; raise ChildProcessError unless it is a good one."""
    result = job.latest_result(timeout=_WAIT_S)
    if result is None or result.type is not Result.Type.SUCCESSFUL:
        raise ChildProcessError(f"job {job.id} did not succeed: {result and result.exc_string}")


@contextmanager
def system(variant: str = "") -> Iterator[Workers]:
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="roundhouse-bench-"))
        with create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        address = ("--bind", "127.0.0.1", "--port", str(port), "--dir", folder)
        server = stack.enter_context(program("redis-server", *address, "--save", "", "--appendonly", "no"))
        redis = stack.enter_context(Redis(port=port, retry=Retry(ConstantBackoff(0.1), 100)))
        redis.ping()  # until it serves
        worker = ("-m", "rq.cli", "worker", "--quiet", "--url", f"redis://127.0.0.1:{port}")
        workers = [stack.enter_context(running(*worker)) for _ in range(AT_A_TIME)]
        processes = {"redis": server.pid, "worker": workers[0].pid}
        yield Workers(redis, processes, forks_only=variant == "fork")
