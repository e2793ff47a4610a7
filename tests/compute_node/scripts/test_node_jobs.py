"""What a whole node does with a job that it loses sight of, cancels, repeats, or whose node is killed."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from compute_node.scripts import record
from compute_node.scripts.settings import ScriptSettings
from rpc.client import Client
from rpc.errors import FailureKind
from rpc.kept_log import records_of
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply
from rpc.services import COMPUTE_NODE
from tests.compute_node.running import RunningNode
from tests.compute_node.scripts.asking import mark_of, news_until, task_of, wait_for_sandboxes
from tests.compute_node.scripts.conftest import need
from tests.compute_node.scripts.jobs import assert_gone, processes_with
from tests.rpc.running import PATIENCE_S
from tests.system.cluster import Program, wait_until

STUBBORN = (
    "import os, signal, time\n"
    "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)\n"
    "if os.fork() == 0: os.setsid()\n"
    "else: print('ready', flush=True)\n"
    "time.sleep(600)\n"
)
LEASE_S = 1.5


def test_heartbeats_keep_a_job_alive_and_without_them_all_of_it_ends_and_that_is_told(node: RunningNode) -> None:
    control, slot = node.client("control"), node.client()
    task = task_of(slot, STUBBORN, lease_s=LEASE_S)
    control.call("status")
    slot.call("start_script", task)
    news_until(slot, task, "ready")
    for _ in range(6):  # twice the lease
        control.call("status")
        Event().wait(LEASE_S / 3)
    assert processes_with(mark_of(task))
    news, said = news_until(slot, task)
    assert_gone(mark_of(task), within_s=0.0)
    assert news.ended is not None and news.ended.failure == FailureKind.NODE_LOST
    assert said.endswith("the coordinator was not heard of any more\n")


def test_the_log_of_a_rerun_begins_where_the_coordinator_says(node: RunningNode) -> None:
    slot = node.client()
    task = replace(task_of(slot, "print('once more')"), log_start=5_000)
    slot.call("start_script", task)
    first = slot.call("follow", task.attempt, 5_000, 0)
    while first.ended is None:
        first = slot.call("follow", task.attempt, 5_000, 1000)
    assert first.start == 5_000 and first.next_offset == 5_000 + len(first.log)
    assert [each.text for each in records_of(bytes(first.log))] == ["once more"]
    before = slot.call("follow", task.attempt, 0, 0)  # what is not here was told by another attempt
    assert (before.start, bytes(before.log)) == (5_000, bytes(first.log))


class TestWhileItsEnvironmentIsBuilt:
    """The index of packages takes calls and never answers."""

    @pytest.fixture
    def index(self) -> Iterator[socket.socket]:
        with socket.create_server(("127.0.0.1", 0)) as index:
            index.settimeout(PATIENCE_S)
            yield index

    @pytest.fixture
    def settings(self, index: socket.socket) -> ScriptSettings:
        return ScriptSettings(package_index=f"http://127.0.0.1:{index.getsockname()[1]}/simple")

    def test_a_cancel_ends_the_build_and_all_that_it_has_started(
        self, node: RunningNode, index: socket.socket, tmp_path: Path
    ) -> None:
        slot = node.client()
        task = task_of(slot, "print('never')", requirements="rh-alpha\n")
        slot.call("start_script", task)
        asked, _ = index.accept()
        with asked:
            assert processes_with(str(tmp_path / "node" / "environments"))
            node.client("control").call("cancel_attempt", task.attempt, 600_000)
            news, said = news_until(slot, task)
        assert news.ended is not None and news.ended.failure == FailureKind.CANCELLED
        assert "cancelled before its program started" in said
        assert_gone(str(tmp_path / "node" / "environments"), within_s=0.0)
        assert [path.name for path in (tmp_path / "node" / "environments").iterdir()] == ["lock"]
        assert not [*(tmp_path / "node" / "jobs").glob("build-*")]


@pytest.fixture
def greet() -> Iterator[Callable[[Program, str], tuple[Client, HelloReply]]]:
    """Connects to a node and says hello."""
    with ExitStack() as clients:

        def greet(node: Program, connection: str) -> tuple[Client, HelloReply]:
            client = Client("127.0.0.1", node.port, COMPUTE_NODE, timeout_s=PATIENCE_S, what="compute node")
            clients.callback(client.close)
            hello = Hello(PROTOCOL_VERSION, "coordinator", coordinator="c", epoch=1, connection=connection)
            return client, client.hello(hello)

        yield greet


@pytest.mark.parametrize("is_held_up", [False, True], ids=["watchdog at work", "watchdog stopped"])
def test_of_a_job_whose_node_is_killed_nothing_lives_when_the_restarted_node_says_hello(
    tmp_path: Path, is_held_up: bool, greet: Callable[[Program, str], tuple[Client, HelloReply]]
) -> None:
    need("bwrap")
    command = ("compute_node.py", "0", "--data-dir", str(tmp_path / "node"))
    node = Program(*command).serve()
    control, _ = greet(node, "control")
    slot, _ = greet(node, "slot")
    wait_for_sandboxes(control)
    task = task_of(slot, STUBBORN)
    slot.call("start_script", task)
    news_until(slot, task, "ready")
    assert greet(node, "slot")[1].attempts == (f"{task.job}/0/0",)
    (box,) = (path for path in (tmp_path / "node" / "jobs").glob("j-*") if path.is_dir())
    left = record.read(str(box))
    assert left is not None
    if is_held_up:
        os.kill(left.pid, signal.SIGSTOP)
    node.kill()
    if is_held_up:
        assert processes_with(mark_of(task))  # as nobody has ended them yet
    else:
        wait_until(lambda: not processes_with(mark_of(task)), "the watchdog ends the job", timeout_s=2.0)
    again = Program(*command).serve()
    try:
        _, hello = greet(again, "control")
        assert hello.attempts == ()
        assert_gone(mark_of(task), within_s=0.0)
        assert not box.exists()
    finally:
        again.stop()


def test_that_a_silent_program_runs_is_told_soon(node: RunningNode) -> None:
    slot = node.client()
    task = task_of(slot, "import time; time.sleep(600)")
    slot.call("start_script", task)
    began, phase = monotonic(), ""
    while phase != "running" and monotonic() < began + PATIENCE_S:
        phase = slot.call("follow", task.attempt, 0, 10_000).phase
    slot.call("cancel_attempt", task.attempt, 0)
    assert (phase, monotonic() - began < 8.0) == ("running", True)
