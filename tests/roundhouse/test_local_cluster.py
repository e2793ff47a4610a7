"""The coordinator and node that a process starts for itself: shared, renewed, and gone when it is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from roundhouse import connect
from roundhouse.local_cluster import LocalCluster

CHECKOUT = Path(__file__).parents[2]
GONE_WITHIN_S = 20.0

START = """
import os, sys
from roundhouse.local_cluster import local_cluster
def own():
    return local_cluster().address()
print(own(), flush=True)
"""
WAIT = "sys.stdin.read()\n"
FORK = START + "child = os.fork()\n"


def run(script: str, scratch: Path | None = None) -> subprocess.Popen[str]:
    """Start a script; what it leaves behind when it is killed goes to `scratch`."""
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=CHECKOUT,
        env=os.environ | ({"TMPDIR": str(scratch)} if scratch else {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def programs(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The coordinators and nodes that a process or its forked children have started."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "roundhouse.tied" in child.cmdline()]


def assert_gone(processes: list[psutil.Process]) -> None:
    assert psutil.wait_procs(processes, timeout=GONE_WITHIN_S)[1] == []


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    cluster = LocalCluster()
    yield cluster
    cluster.stop()


def test_it_serves_with_one_node_and_stays_the_same(cluster: LocalCluster) -> None:
    address = cluster.address()
    with connect(address) as session:
        assert len(session.status().nodes) == 1
    assert cluster.address() == address


def test_a_program_that_has_died_is_replaced(cluster: LocalCluster) -> None:
    before = {*psutil.Process().children()}
    cluster.address()
    (coordinator,) = (each for each in {*psutil.Process().children()} - before if "coordinator" in each.cmdline())
    coordinator.kill()
    coordinator.wait(GONE_WITHIN_S)
    with connect(cluster.address()) as session:
        assert len(session.status().nodes) == 1


def test_it_ends_with_its_process() -> None:
    with run(START + WAIT) as process:
        assert line(process)
        started = programs(process)
        process.communicate("")
    assert len(started) == 2
    assert [program for program in started if program.is_running()] == []


def test_it_ends_when_its_process_is_killed(tmp_path: Path) -> None:
    with run(START + WAIT, tmp_path) as process:
        assert line(process)
        started = programs(process)
        process.kill()
    assert len(started) == 2
    assert_gone(started)


def test_a_forked_child_starts_its_own_and_leaves_the_parents_alone() -> None:
    after = "if child: os.waitpid(child, 0)\nprint(own(), flush=True)\n" + WAIT
    with run(FORK + after.replace("sys.stdin", "child and sys.stdin")) as process:
        addresses = [line(process) for _ in range(3)]
        with connect(addresses[0]) as session:
            assert len(session.status().nodes) == 1
        started = programs(process)
        process.communicate("")
    first, childs, parents = addresses
    assert first == parents != childs
    assert len(started) == 2
    assert [program for program in started if program.is_running()] == []


def test_a_forked_child_that_lives_on_does_not_keep_the_parents_programs(tmp_path: Path) -> None:
    with run(FORK + "if child: print(child, flush=True)\n" + WAIT, tmp_path) as process:
        assert line(process)
        child = psutil.Process(int(line(process)))
        started = programs(process)
        process.kill()
        assert len(started) == 2
        assert_gone(started)
        assert child.is_running()
        child.kill()


def test_what_is_called_like_a_package_where_the_user_works_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text("raise SystemExit('not me')\n")
    script = f"import sys\nsys.path.insert(0, {str(CHECKOUT)!r})\n" + START
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
