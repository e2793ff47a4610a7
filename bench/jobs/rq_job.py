"""What a worker of RQ does for a job."""

from __future__ import annotations

import subprocess
import sys

from rq import get_current_job


def run(code: str, lines: str) -> int:
    """Run a program, and push the lines of its output to a list, if there is one; an empty one says that it is over."""
    job = get_current_job()
    assert job is not None
    redis = job.connection
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if lines:
                redis.rpush(lines, line)
    if lines:
        redis.rpush(lines, "")
    return process.returncode


def print_one(code: str, lines: str) -> None:
    """Do what `bench.jobs.child.INLINE` does, in this process."""
    print(1)
