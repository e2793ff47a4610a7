"""Watchdogs are forked from a program that has no job's secrets, and may end without harm."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable

import psutil
import pytest

from compute_node.scripts.box import Level
from compute_node.scripts.readable import readable
from tests.compute_node.scripts.conftest import need
from tests.compute_node.scripts.jobs import Jobs
from tests.system.cluster import ROOT

_WAITS = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    need("bwrap")
    with Jobs(Level.BWRAP, tmp_path) as jobs:
        yield jobs


def test_watchdogs_outlive_the_program_that_they_were_forked_from_and_the_next_ones_get_a_new_one(jobs: Jobs) -> None:
    first = jobs.start(_WAITS)
    first.wait_for(b"up")
    nursery = psutil.Process(first.guard.pid).ppid()
    process = os.pidfd_open(nursery)
    os.kill(nursery, signal.SIGKILL)
    assert readable([process], 10.0)
    os.close(process)
    second = jobs.start("print('here')")
    assert (second.end().exit_status, second.output) == (0, b"here\n")
    assert first.is_alive()
    first.guard.stop(0.0)
    assert first.end().is_clean


def test_a_watchdog_has_its_own_files_alone_and_no_variables_of_the_node(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_NODE", "1")
    other = jobs.start(_WAITS)
    other.wait_for(b"up")
    job = jobs.start(_WAITS)
    job.wait_for(b"up")
    pipes = {each.guard.pid: _pipes(each.guard.pid) for each in (other, job)}
    assert pipes[other.guard.pid].isdisjoint(pipes[job.guard.pid])
    nursery = psutil.Process(job.guard.pid).ppid()
    assert not _pipes(nursery) & (pipes[other.guard.pid] | pipes[job.guard.pid])
    for pid in (nursery, job.guard.pid):
        assert Path(f"/proc/{pid}/environ").read_bytes() == b""
        assert os.getsid(pid) == pid


def test_the_program_ends_with_its_node(tmp_path: Path) -> None:
    need("bwrap")
    command = (executable, "-m", "tests.compute_node.scripts.node_that_dies", tmp_path, "bwrap", "", "1")
    with Popen([*map(str, command), _WAITS], stdin=PIPE, stdout=PIPE, cwd=ROOT) as node:
        assert node.stdout is not None
        watchdog = int(node.stdout.readline().split()[1])
        processes = [os.pidfd_open(pid) for pid in (psutil.Process(watchdog).ppid(), watchdog)]
        node.kill()
    for process in processes:
        assert readable([process], 10.0)
        os.close(process)


def _pipes(pid: int) -> set[str]:
    """The pipes that a process holds open."""
    files = (os.readlink(f"/proc/{pid}/fd/{each}") for each in os.listdir(f"/proc/{pid}/fd"))
    return {each for each in files if each.startswith("pipe:")}
