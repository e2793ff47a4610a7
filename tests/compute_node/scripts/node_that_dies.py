"""A program that starts jobs as a node does and waits to be killed: `python -m ... FOLDER LEVEL ENGINE N CODE`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from compute_node.scripts.box import Level
from tests.compute_node.scripts.jobs import Jobs


def main(folder: str, level: str, engine: str, n_jobs: str, code: str) -> None:
    """Start the jobs; print the name of each once it runs."""
    jobs = Jobs(Level(level), Path(folder), engine)
    started = [jobs.start(code) for _ in range(int(n_jobs))]
    for job in started:
        job.wait_for(b"up")
        print(job.box.name, job.guard.pid, flush=True)
    os.read(0, 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
