"""How long a job may go on without its coordinator: what heartbeats, silence and a node that was held up do to that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from compute_node.admission import Admission
from compute_node.scripts.job_log import JobLog
from compute_node.scripts.jobs import ScriptJobs
from compute_node.scripts.room import Room
from compute_node.scripts.settings import ScriptSettings
from rpc.aside import Aside
from rpc.errors import TaskRejected
from rpc.loop import Loop
from rpc.messages import DataFile, ScriptEnd, ScriptSpec, ScriptTask, ScriptUsage
from tests.rpc.running import PATIENCE_S

LEASE_S = 60.0


class Noted:
    """An execution that notes what it is told."""

    phase, sandbox, usage = "running", "bwrap", ScriptUsage()

    def __init__(self, folder: Path) -> None:
        self.log = JobLog(folder, lambda: None)
        self.leases: list[float] = []
        self.is_removed = False
        self.done: Callable[[ScriptEnd], None] = lambda end: None

    def begin(self, done: Callable[[ScriptEnd], None], gpus: tuple[int, ...]) -> None:
        self.done = done

    def renew(self, lease_s: float) -> None:
        self.leases.append(lease_s)

    def stop(self, grace_s: float) -> None: ...

    def artifact(self, name: str, offset: int, length: int) -> bytes:
        return b""

    def remove(self) -> None:
        self.is_removed = True


class Node:
    """The jobs of a node whose clock the test sets; its loop runs only where the test says so."""

    def __init__(self, folder: Path, kept_s: float = 1000.0) -> None:
        self.loop = Loop()
        self.files = Aside(self.loop, 1, "files")
        self.started: list[Noted] = []
        admission = Admission(8, 0.0, 0.0, Random(0))
        self.jobs = ScriptJobs(self.loop, self.files, admission, Room(ScriptSettings()), self._execute, kept_s=kept_s)
        self._folder = folder

    def _execute(self, task: ScriptTask, on_news: Callable[[], None]) -> Noted:
        self.started.append(Noted(self._folder / task.job))
        return self.started[-1]

    def close(self) -> None:
        self.files.close()
        self.loop.stop()
        self.loop.run()

    def at(self, now: float) -> ScriptJobs:
        self.loop.now = now
        return self.jobs


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    yield node
    node.close()


def task(job: str = "j", fence: int = 1) -> ScriptTask:
    spec = ScriptSpec("x", DataFile("x.zip", "sha256:0", 1))
    return ScriptTask(f"{job}/0/0#{fence}", fence, job, spec, lease_s=LEASE_S)


def test_a_job_has_what_is_left_since_the_coordinator_was_surely_heard_of(node: Node) -> None:
    node.at(100.0).greeted("c")
    node.at(103.0).start(task(), "c")
    assert node.started[0].leases == [LEASE_S - 3.0]


def test_a_heartbeat_counts_from_the_answer_to_the_one_before(node: Node) -> None:
    node.at(100.0).greeted("c")
    node.at(100.0).start(task(), "c")
    node.at(105.0).heard("c")  # sent when the answer to hello had arrived: at 100 or later
    node.at(107.0).heard("c")
    assert node.started[0].leases == [LEASE_S, LEASE_S - 5.0, LEASE_S - 2.0]


def test_a_heartbeat_that_waited_while_the_node_was_held_up_renews_nothing(node: Node) -> None:
    node.at(100.0).greeted("c")
    node.at(100.0).start(task(), "c")
    node.at(300.0).heard("c")  # it may be 199 s old
    assert node.started[0].leases == [LEASE_S, 0.0]
    with pytest.raises(TaskRejected, match="held up"):
        node.at(300.0).start(task("k"), "c")
    node.at(301.0).heard("c")
    node.at(301.0).start(task("k"), "c")
    assert node.started[-1].leases == [LEASE_S - 1.0]


def test_the_heartbeats_of_one_coordinator_renew_no_job_of_another(node: Node) -> None:
    for owner in ("c", "d"):
        node.at(100.0).greeted(owner)
    node.at(100.0).start(task(), "c")
    node.at(100.0).start(task(), "d")
    node.at(110.0).heard("d")
    of_c, of_d = node.started
    assert (of_c.leases, of_d.leases) == ([LEASE_S], [LEASE_S, LEASE_S - 10.0])


def test_a_restarted_coordinator_goes_on_with_its_job_and_renews_it(node: Node) -> None:
    node.at(100.0).greeted("c")
    node.at(100.0).start(task(), "c")
    node.at(140.0).greeted("c")
    node.at(141.0).start(task(fence=2), "c")
    assert len(node.started) == 1
    assert node.started[0].leases == [LEASE_S, LEASE_S - 41.0]  # it is not known that the answer of 140 arrived
    node.at(142.0).heard("c")
    assert node.started[0].leases[-1] == LEASE_S - 2.0


def test_what_is_over_is_kept_for_its_coordinator_but_not_for_ever(tmp_path: Path) -> None:
    node = Node(tmp_path, kept_s=0.2)
    node.jobs.greeted("c")
    node.jobs.start(task(), "c")
    (execution,) = node.started
    execution.done(ScriptEnd(0))

    def look() -> None:
        if execution.is_removed:
            node.loop.stop()
        else:
            node.loop.call_later(0.01, look)

    def heartbeat() -> None:
        node.jobs.heard("c")
        assert node.jobs.places("c") == ["j/0/0"]

    node.loop.call_later(0.15, heartbeat)
    node.loop.call_later(0.25, lambda: pytest.fail("dropped too early") if execution.is_removed else None)
    node.loop.call_later(0.0, look)
    node.loop.call_later(PATIENCE_S, node.loop.stop)
    node.loop.run()
    node.files.close()
    assert execution.is_removed and node.jobs.places("c") == []
