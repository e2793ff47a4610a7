"""Ctrl-C and SIGTERM: the seven-argument form cancels its run, `watch` only stops watching."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.client.fake import RUN_ID, RUNNING, Serving, story_of
from tests.system.cluster import wait_until

CLIENT = Path(__file__).parents[2] / "client.py"


def interrupt_when_watching(
    coordinator: Serving, arguments: Sequence[object], number: signal.Signals
) -> tuple[int, str, str]:
    """Send a signal to a client whose run does not end; return its status, stdout and stderr."""
    coordinator.fake.story = story_of(RUNNING)
    command = [sys.executable, str(CLIENT), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
        assert coordinator.fake.watched.get(timeout=60) == 0
        assert coordinator.fake.watched.get(timeout=60) == 1  # held back from now on
        client.send_signal(number)
        out, err = client.communicate(timeout=60)
        return client.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_client_cancels_its_run(coordinator: Serving, data: Path, number: signal.Signals) -> None:
    arguments = ("127.0.0.1", coordinator.port, data, 2, 3, 4, 0.5)
    status, out, err = interrupt_when_watching(coordinator, arguments, number)
    assert (status, out) == (130, "")
    assert err.splitlines()[-1] == f"client: {RUN_ID} is cancelled"
    assert coordinator.fake.cancelled == [(RUN_ID, "its client was interrupted")]


def test_an_interrupted_watch_leaves_the_run_alone(coordinator: Serving) -> None:
    arguments = ("watch", RUN_ID, "--server", coordinator.address)
    status, out, err = interrupt_when_watching(coordinator, arguments, signal.SIGINT)
    assert (status, out) == (130, "")
    assert err.splitlines()[-1] == f"client: {RUN_ID} goes on; `client.py cancel {RUN_ID}` ends it"
    assert coordinator.fake.cancelled == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs an alarm")
def test_an_interrupt_waits_only_a_little_for_a_submission(coordinator: Serving, data: Path) -> None:
    coordinator.fake.lost_answers = 1  # as of a coordinator whose disk is full
    command = [sys.executable, str(CLIENT), "127.0.0.1", str(coordinator.port), str(data), "2", "3", "4", "0.5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
        wait_until(lambda: bool(coordinator.fake.specs), "a submission")
        client.send_signal(signal.SIGTERM)
        out, err = client.communicate(timeout=60)
    assert (client.returncode, out) == (130, "")
    assert "nobody has said whether the run was submitted; `client.py runs list` tells" in err
    assert len(coordinator.fake.specs) == 1, "it did not ask again"
