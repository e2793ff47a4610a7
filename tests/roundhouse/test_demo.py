"""`roundhouse demo`: real programs on this machine, whatever ports are taken, and nothing left behind."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from roundhouse.programs import ServingProgram
from rpc.errors import TrainerError

CHECKOUT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "roundhouse", "demo"]
A_LONG_RUN = "import sys; from roundhouse.demo import main; sys.exit(main([], run=('20000', '75', '24', '0.0001')))"


def take(port: int, stack: ExitStack) -> None:
    """Hold a port, unless somebody else does already."""
    with suppress(OSError):
        stack.enter_context(socket.create_server(("127.0.0.1", port)))


def test_the_demo_trains_with_other_ports_when_its_own_are_taken() -> None:
    with ExitStack() as stack:
        for port in (9091, 9095):
            take(port, stack)
        done = subprocess.run(COMMAND, cwd=CHECKOUT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    error, sha256 = done.stdout.splitlines()
    assert 0.35 <= float(error.removeprefix("final validation error: ")) <= 0.45
    assert re.fullmatch("model sha256: [0-9a-f]{64}", sha256)
    assert "round 3 of 3: validation error" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_cancels_its_run_and_stops_what_it_started(number: signal.Signals) -> None:
    command = [sys.executable, "-c", A_LONG_RUN]
    with subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr is not None
        assert any("surveyed" in line for line in demo.stderr), "the demo ended before it trained"
        children = psutil.Process(demo.pid).children(recursive=True)
        demo.send_signal(number)
        rest = demo.stderr.read()
        assert demo.wait(30) == 130
    assert "is cancelled" in rest
    assert len(children) >= 5  # a coordinator, three nodes, a client; and what nodes start their jobs with
    assert [child for child in children if child.is_running()] == []


def test_a_program_that_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = ServingProgram("node", str(port), log=tmp_path / "log")
        with pytest.raises(TrainerError, match=rf"the node ended at once: .*127\.0\.0\.1:{port} is in use"):
            program.address()
        program.wait()


def test_two_demos_at_once_both_train() -> None:
    demos = [subprocess.Popen(COMMAND, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    hashes = {demo.communicate(timeout=60)[0].partition("model sha256: ")[2] for demo in demos}
    assert [demo.returncode for demo in demos] == [0, 0]
    assert len(hashes) == 1 and hashes != {""}
