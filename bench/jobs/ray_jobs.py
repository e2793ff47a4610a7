"""Ray Jobs: a head with four CPUs, its job server, and a client of that. Only in a network namespace of its own."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter, sleep

import psutil
import ray
from ray.job_submission import JobStatus, JobSubmissionClient

from bench.jobs.child import AT_A_TIME, Times

_LOOK_S = 0.02
_WAIT_S = 300.0


class Head:
    """See `bench.jobs.child.System`."""

    def __init__(self, address: str) -> None:
        self._client = JobSubmissionClient(address)

    def one(self, code: str, on_line: Callable[[str], None]) -> Times:
        started = perf_counter()
        job = self._submit(code)
        first_s = asyncio.run(self._follow(job, on_line, started))
        self._wait(job)
        return Times(first_s, perf_counter() - started)

    def many(self, code: str, number: int) -> float:
        started = perf_counter()
        for job in [self._submit(code) for _ in range(number)]:
            self._wait(job)
        return perf_counter() - started

    def further(self) -> Mapping[str, float]:
        processes = psutil.Process(os.getpid()).children(recursive=True)
        return {"all-processes-MB": sum(each.memory_info().rss for each in processes) / 1e6}

    def _submit(self, code: str) -> str:
        command = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"
        return str(self._client.submit_job(entrypoint=command, entrypoint_num_cpus=1))

    async def _follow(self, job: str, on_line: Callable[[str], None], started: float) -> float | None:
        """Tell of the lines of the job itself; return when the first came."""
        first_s = None
        async for text in self._client.tail_job_logs(job):
            for line in text.splitlines():
                if line.strip() and line.strip().replace(".", "", 1).isdigit():  # the others are Ray's
                    first_s = first_s or perf_counter() - started
                    on_line(line)
        return first_s

    def _wait(self, job: str) -> None:
        give_up_at = perf_counter() + _WAIT_S
        while not (status := self._client.get_job_status(job)).is_terminal():
            if perf_counter() > give_up_at:
                raise TimeoutError(f"job {job} is {status} after {_WAIT_S:.0f} s")
            sleep(_LOOK_S)
        if status is not JobStatus.SUCCEEDED:
            raise ChildProcessError(f"job {job} is {status}")


@contextmanager
def system() -> Iterator[Head]:
    context = ray.init(
        num_cpus=AT_A_TIME,
        include_dashboard=True,
        dashboard_host="127.0.0.1",
        _node_ip_address="127.0.0.1",
        log_to_driver=False,
    )
    yield Head(f"http://{context.address_info['webui_url']}")
    ray.shutdown()
