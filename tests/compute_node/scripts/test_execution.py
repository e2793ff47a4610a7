"""A whole node runs jobs in bubblewrap for a coordinator that floods, cancels, asks twice and comes back."""

from __future__ import annotations

import os
import resource
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from time import monotonic

import psutil
import pytest

from compute_node.scripts import execution, record
from compute_node.scripts.record import Record
from rpc.errors import FailureKind, Stale, TaskRejected
from tests.compute_node.running import RunningNode
from tests.compute_node.scripts.asking import mark_of, news_until, task_of
from tests.compute_node.scripts.jobs import assert_gone

MIB = 1 << 20


@pytest.mark.parametrize(
    "code",
    [
        "import os\nfor _ in range(256): os.write(1, b'x' * (1 << 20))\n",  # a line without end
        "import os\nfor _ in range(400): os.write(1, b'a line\\n' * 2500)\n",  # a million lines
    ],
)
def test_a_flood_of_output_costs_the_node_little_and_delays_no_heartbeat(node: RunningNode, code: str) -> None:
    control, slot = node.client("control"), node.client()
    task = task_of(slot, code)
    process = psutil.Process(os.getpid())
    control.call("status")
    before = process.memory_info().rss
    slot.call("start_script", task)
    slowest, most, offset = 0.0, before, 0
    while True:
        news = slot.call("follow", task.attempt, offset, 50)
        offset = news.next_offset
        began = monotonic()
        control.call("status")
        slowest = max(slowest, monotonic() - began)
        most = max(most, process.memory_info().rss)
        if news.ended is not None:
            break
    assert news.ended.status == 0
    assert most - before <= 32 * MIB
    assert slowest < 1.0


def test_what_a_job_uses_is_told_while_it_runs_and_at_its_end(node: RunningNode) -> None:
    slot = node.client()
    code = (
        "import os, time\n"
        "with open('out/large', 'wb') as file: file.write(bytes(50 << 20))\n"
        "end = time.process_time() + 0.3\n"
        "while time.process_time() < end: pass\n"
        "print('ready', flush=True)\n"
        "time.sleep(2)\n"
        "os.truncate('out/large', 0)\n"
    )
    task = task_of(slot, code)
    slot.call("start_script", task)
    running, said = news_until(slot, task, "ready")
    assert running.ended is None, said
    while running.usage.disk_bytes < 50 * MIB:
        running = slot.call("follow", task.attempt, running.next_offset, 100)
        assert running.ended is None
    assert running.usage.memory_bytes > MIB
    used = news_until(slot, task)[0].usage
    assert used.disk_bytes < MIB < 50 * MIB <= used.peak_disk_bytes
    assert used.memory_bytes == 0 and used.peak_memory_bytes > MIB
    assert used.cpu_s > 0.3
    assert used.peak_gpu_memory_bytes == 0


def test_a_heartbeat_tells_what_the_machine_has_left(node: RunningNode, tmp_path: Path) -> None:
    status = node.client("control").call("status")
    disk = shutil.disk_usage(tmp_path)
    assert status.disk_total_bytes == disk.total
    assert 0 < status.disk_free_bytes < disk.total
    assert 0 < status.memory_used_bytes < status.memory_total_bytes


def test_a_cancelled_job_may_still_leave_something(node: RunningNode) -> None:
    slot = node.client()
    code = (
        "import signal, sys, time\n"
        "def end(*_): open('out/late', 'w').write('saved'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('ready'); time.sleep(600)\n"
    )
    task = task_of(slot, code)
    slot.call("start_script", task)
    news_until(slot, task, "ready")
    node.client("control").call("cancel_attempt", task.attempt, 20_000)
    news, _ = news_until(slot, task)
    assert news.ended is not None
    assert [file.file for file in news.ended.artifacts] == ["late"]


def test_asked_twice_a_job_runs_once_and_goes_on_for_a_restarted_coordinator(node: RunningNode) -> None:
    slot = node.client()
    code = "import os, time\nprint(os.urandom(8).hex(), 'ready')\ntime.sleep(1)\nprint('done')\n"
    task = task_of(slot, code)
    slot.call("start_script", task)
    slot.call("start_script", task)
    _, first = news_until(slot, task, "ready")
    later = node.client(epoch=2)
    again = replace(task, attempt=f"{task.job}/0/0#2", fence=2)
    later.call("start_script", again)
    news, log = news_until(later, again)
    assert log.startswith(first.partition("ready")[0])
    assert log.count("ready") == log.count("done") == 1
    assert news.fence == 2
    with pytest.raises(Stale):
        node.client(epoch=2).call("start_script", task)


def test_the_start_of_a_job_that_is_over_comes_too_late(node: RunningNode) -> None:
    control, slot = node.client("control"), node.client()
    task = task_of(slot, "print('ready')")
    control.call("forget", (f"model:{task.job}/",))
    with pytest.raises(Stale, match="is over"):
        slot.call("start_script", task)


def test_an_attempt_that_was_declined_counts_more_than_an_earlier_one_that_comes_late(node: RunningNode) -> None:
    slot = node.client()
    task = task_of(slot, "print('ready')")
    later = replace(task, attempt=f"{task.job}/0/0#2", fence=2, spec=replace(task.spec, memory_bytes=1 << 50))
    with pytest.raises(TaskRejected):
        slot.call("start_script", later)
    with pytest.raises(Stale, match="it was asked for again"):
        slot.call("start_script", task)


def test_what_was_sent_before_the_coordinator_connected_anew_comes_too_late(node: RunningNode) -> None:
    slot = node.client()
    task = task_of(slot, "print('ready')")
    node.client("control")
    with pytest.raises(Stale, match="connected anew"):
        slot.call("start_script", task)
    node.client().call("start_script", task)


def watchdog_of(folder: Path) -> Record:
    """The watchdog of the only job of a node."""
    (box,) = (path for path in (folder / "node" / "jobs").glob("j-*") if path.is_dir())
    left = record.read(str(box))
    assert left is not None
    return left


def test_of_a_job_whose_watchdog_is_killed_nothing_lives_when_its_end_is_told(
    node: RunningNode, tmp_path: Path
) -> None:
    slot = node.client()
    code = "import os, time\nif os.fork() == 0: os.setsid()\nprint('ready', flush=True)\ntime.sleep(600)\n"
    task = task_of(slot, code, sandbox="rlimits")  # in which a child that went its own way outlives a watchdog
    slot.call("start_script", task)
    news_until(slot, task, "ready")
    left = watchdog_of(tmp_path)
    os.kill(left.pid, signal.SIGKILL)
    news, _ = news_until(slot, task)
    assert_gone(mark_of(task), within_s=0.0)
    assert news.ended is not None and news.ended.failure == FailureKind.SETUP_FAILED
    assert "watchdog was killed" in news.ended.reason


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_job_whose_watchdog_was_told_to_end_is_none_that_failed(
    node: RunningNode, tmp_path: Path, number: signal.Signals
) -> None:
    slot = node.client()
    task = task_of(slot, "import time\nprint('ready', flush=True)\ntime.sleep(600)\n")
    slot.call("start_script", task)
    news_until(slot, task, "ready")
    os.kill(watchdog_of(tmp_path).pid, number)  # as systemd does, to all processes of a unit
    news, _ = news_until(slot, task)
    assert news.ended is not None and news.ended.failure == FailureKind.NODE_LOST


def test_a_watchdog_that_is_held_up_keeps_no_cancelled_job_alive(
    node: RunningNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "_LATE_S", 0.5)
    slot = node.client()
    task = task_of(slot, "import time\nprint('ready', flush=True)\ntime.sleep(600)\n", sandbox="rlimits")
    slot.call("start_script", task)
    news_until(slot, task, "ready")
    left = watchdog_of(tmp_path)
    os.kill(left.pid, signal.SIGSTOP)
    node.client("control").call("cancel_attempt", task.attempt, 100)
    news_until(slot, task)
    assert_gone(f"JOB_NAME={left.name}", within_s=0.0)


def test_a_job_runs_on_a_node_with_more_open_files_than_select_knows(node: RunningNode) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        slot = node.client()
        task = task_of(slot, "print('ready')")
        slot.call("start_script", task)
        news, text = news_until(slot, task)
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert news.ended is not None and (news.ended.failure, text) == (0, "ready\n")
