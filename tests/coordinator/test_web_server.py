"""The web server beside a coordinator: served where it was said, started again, ended with its coordinator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from rpc.sockets import listen
from tests.system.cluster import ROOT, Program, wait_until


def coordinator(tmp_path: Path, *arguments: str, **environment: str) -> Program:
    kept = ("--data-dir", str(tmp_path / "data"))
    return Program("coordinator.py", "0", *kept, *arguments, environment=environment)


def web_of(program: Program) -> str:
    """Where the web is, from the lines that the coordinator says first."""
    program.wait_served()
    assert program.next_line().startswith("store: ")
    line = program.next_line()
    assert line.startswith("web: http://127.0.0.1:"), line
    return line.removeprefix("web: ")


def child_of(program: Program) -> psutil.Process:
    def children() -> list[psutil.Process]:
        return [each for each in psutil.Process(program.process.pid).children() if "web" in each.cmdline()]

    wait_until(lambda: bool(children()), "the web server runs")
    return children()[0]


def serves(url: str) -> bool:
    with urlopen(f"{url}/api/v1/work", timeout=20) as answer:
        return bool(answer.status == 200)


def test_it_serves_what_its_coordinator_knows_niced_and_is_started_again(tmp_path: Path) -> None:
    program = coordinator(tmp_path, "--http-port", "0")
    try:
        url = web_of(program)
        assert serves(url)
        first = child_of(program)
        assert first.nice() == 10
        first.kill()
        assert serves(url)  # asked while there is none: the answer comes when there is one again
        assert child_of(program).pid != first.pid
        assert any(
            "the web server ended (exit status -9); it is started again in 1 s" in line for line in program.stderr
        )
    finally:
        assert program.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_its_coordinator_however_that_ends(tmp_path: Path, number: signal.Signals) -> None:
    program = coordinator(tmp_path, ROUNDHOUSE_HTTP_PORT="0")
    try:
        assert serves(web_of(program))
        child = child_of(program)
        program.signal(number)
        program.process.wait(10)
        child.wait(10)
    finally:
        program.stop()


def test_a_port_that_was_asked_for_and_is_taken_is_an_error_and_a_usual_one_is_not(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "coordinator.py", "0", "--http-port", str(port), "--data-dir", str(tmp_path)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    said = (
        f"coordinator: 127.0.0.1:{port} is in use; choose another port (0 picks a free one) or stop the program there\n"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", said)


def test_a_coordinator_on_any_port_has_none_and_a_word_that_is_no_port_is_refused(tmp_path: Path) -> None:
    program = coordinator(tmp_path)
    try:
        program.wait_served()
        assert program.next_line().startswith("store: ")
        assert not psutil.Process(program.process.pid).children()
    finally:
        program.stop()
    ended = subprocess.run(
        [sys.executable, "coordinator.py", "0", "--data-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, env=os.environ | {"ROUNDHOUSE_HTTP_PORT": "five"},
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "coordinator: ROUNDHOUSE_HTTP_PORT must be a port from 0 to 65535, not 'five'\n"
