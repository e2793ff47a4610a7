"""Jobs that do all to outlive their end do not: whatever is killed, and at whatever moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from select import select

from compute_node.scripts import record
from compute_node.scripts.box import Level
from compute_node.scripts.orders import NoStart
from compute_node.scripts.reaping import reap, reap_all
from compute_node.scripts.trees import remove_tree
from tests.compute_node.scripts.jobs import Jobs, assert_gone

CHECKOUT = Path(__file__).parents[3]
GONE_WITHIN_S = 5.0  # alone on a machine 0.5; engines end one container after the other, and tests run side by side
N_JOBS = int(os.environ.get("STUBBORN_JOBS", "100"))

STUBBORN = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.setsid()
            os.environ.clear()
            os.close(1), os.close(2)
            time.sleep(1000)
        os._exit(0)
print("up", flush=True)
time.sleep(1000)
"""


@contextmanager
def node(jobs: Jobs, n_jobs: int) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
    """A node with running jobs, and their names."""
    arguments = (str(jobs.folder), str(jobs.level), jobs.engine, str(n_jobs), STUBBORN)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.compute_node.scripts.node_that_dies", *arguments],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        names = [process.stdout.readline().decode().split()[0] for _ in range(n_jobs)]
        yield process, names
        process.kill()


def test_a_hundred_stubborn_jobs_ended_at_random_moments_leave_nothing(tmp_path: Path, engine: str) -> None:
    random = Random(5)
    for level, n_jobs in ((Level.BWRAP, N_JOBS // 2), (Level.RLIMITS, N_JOBS * 2 // 5), (Level.DOCKER, N_JOBS // 10)):
        with Jobs(level, tmp_path, engine if level is Level.DOCKER else "") as jobs:
            for first in range(0, n_jobs, 5):
                batch = [jobs.start(STUBBORN) for _ in range(min(5, n_jobs - first))]
                for job in batch:
                    # Anything from before the watchdog is up to well after the program is.
                    select([], [], [], random.random() * 0.1)
                    match random.randrange(3):
                        case 0:
                            job.guard.stop(random.random() * 0.2)
                        case 1:
                            job.guard.stop(0.0)
                        case _:
                            job.close()
                for job in batch:
                    assert_gone(job.box.name, GONE_WITHIN_S)


def test_a_node_that_is_killed_leaves_nothing(jobs: Jobs) -> None:
    with node(jobs, 4) as (process, names):
        process.kill()
        for name in names:
            assert_gone(name, GONE_WITHIN_S)
    assert reap_all(jobs.folder) == []


def test_a_watchdog_that_is_killed_takes_its_job_along_or_leaves_it_to_the_node(jobs: Jobs) -> None:
    job = jobs.start(STUBBORN)
    job.wait_for(b"up")
    os.kill(job.guard.pid, signal.SIGKILL)
    if jobs.level is Level.RLIMITS:
        # Weaker: its children lose their parent and live on until the node, which sees the end, reaps.
        while job.guard.read() is not None:
            select([job.guard], [], [], 1.0)
        assert reap(Path(job.box.folder))
        assert_gone(job.box.name, within_s=0.0)
    else:
        assert_gone(job.box.name, GONE_WITHIN_S)
        assert reap(Path(job.box.folder))


def test_a_watchdog_that_is_asked_to_end_ends_its_job_first(jobs: Jobs) -> None:
    job = jobs.start(STUBBORN)
    job.wait_for(b"up")
    os.kill(job.guard.pid, signal.SIGTERM)
    ended = job.end()
    assert (ended.cause, ended.is_clean) == ("node", True)
    assert_gone(job.box.name, GONE_WITHIN_S)


def test_a_new_node_ends_what_an_old_one_and_its_watchdogs_left(jobs: Jobs) -> None:
    with node(jobs, 2) as (process, names):
        watchdogs = [each.pid for name in names if (each := record.read(str(jobs.folder / name)))]
        assert len(watchdogs) == 2
        for pid in watchdogs:
            os.kill(pid, signal.SIGSTOP)  # so that they cannot see their node's end
        process.kill()
        process.wait()
        for pid in watchdogs[:1]:
            os.kill(pid, signal.SIGKILL)
        os.kill(watchdogs[1], signal.SIGCONT)
    assert reap_all(jobs.folder) == []
    for name in names:
        assert_gone(name, GONE_WITHIN_S)  # the watchdog that has done it all is itself about to end
        assert record.read(str(jobs.folder / name)) is None


def test_a_reused_process_number_is_left_alone(jobs: Jobs, tmp_path: Path) -> None:
    job = jobs.start(STUBBORN)
    job.wait_for(b"up")
    folder = Path(job.box.folder)
    before = (folder / record.NAME).read_text()
    job.close()
    assert_gone(job.box.name, GONE_WITHIN_S)
    own = before.replace(f'"pid": {job.guard.pid}', f'"pid": {os.getpid()}')
    assert own != before
    (folder / record.NAME).write_text(own)
    assert reap(folder)  # and this process is still here


def test_groups_and_users_are_given_back(jobs: Jobs) -> None:
    job = jobs.start("print('done')")
    job.end()
    job.close()
    for _, folder in jobs.parents.values():
        assert not Path(folder, f"roundhouse-{job.box.name}").exists()
    assert Path(job.box.folder).stat().st_mode & 0o777 == 0o700


def test_a_job_whose_folder_has_gone_is_not_started_and_leaves_nothing(jobs: Jobs) -> None:
    box = jobs.box("")
    remove_tree(Path(box.folder))
    job = jobs.start_box(box)
    assert "No such file" in job.next(NoStart).reason
    job.close()
    os.mkdir(box.folder)
    for _, folder in jobs.parents.values():
        assert not Path(folder, f"roundhouse-{box.name}").exists()


def test_nothing_is_left_where_everybody_may_write(jobs: Jobs) -> None:
    code = f"""
import os
for folder in ("/dev/shm", "/tmp", "/var/tmp"):
    mine = folder + "/{jobs.folder.name}"
    try:
        os.makedirs(mine + ".d/inner")
        open(mine, "w").close()
        print("left")
    except OSError: pass
"""
    ended, job = jobs.run(code)
    assert ended.exit_status == 0 and job.output, job.errors
    job.close()
    for folder in ("/dev/shm", "/tmp", "/var/tmp"):
        assert not Path(folder, jobs.folder.name).exists()
        assert not Path(folder, f"{jobs.folder.name}.d").exists()
