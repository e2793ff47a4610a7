"""Looking at everything, again and again, also while nobody answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from client.api import Session
from client.link import Link
from client.watching import look
from rpc.errors import ExitCode, StoreDown
from rpc.messages import EventRow
from tests.client.conftest import RunClient
from tests.client.fake import Serving
from tests.client.test_status import OVERVIEW

ROOT = Path(__file__).parents[2]


def test_a_look_while_nobody_answers_is_the_one_before_and_says_so(coordinator: Serving) -> None:
    coordinator.fake.nodes = OVERVIEW
    coordinator.fake.events = (EventRow(1, 0, "node up", node="n1"),)
    with Session(Link("127.0.0.1", coordinator.port, timeout_s=5.0, patience_s=0.0)) as session:
        pictures = look(session)
        first = next(pictures)
        assert (first.away_s, first.overview, len(first.events)) == (0.0, OVERVIEW, 1)
        coordinator.stop()
        away = next(pictures)
        assert away.away_s > 0.0 and away.away == coordinator.address
        assert replace(away, away_s=0.0, away="") == first


def test_a_look_while_the_store_is_away_says_so_and_the_next_one_sees_it_again(coordinator: Serving) -> None:
    coordinator.fake.events = (EventRow(1, 0, "node up", node="n1"),)
    with Session(Link("127.0.0.1", coordinator.port, timeout_s=5.0, patience_s=0.0)) as session:
        pictures = look(session)
        first = next(pictures)
        coordinator.fake.outages.append(StoreDown("locked"))
        away = next(pictures)
        assert away.away_s > 0.0 and away.away == f"the store of {coordinator.address}"
        assert next(pictures) == first


def test_a_look_at_very_much_is_one_page_and_says_what_it_left_out(coordinator: Serving) -> None:
    coordinator.fake.events = (EventRow(1, 0, "node up", node="n1"),)
    with Session(Link("127.0.0.1", coordinator.port, timeout_s=5.0, patience_s=0.0)) as session:
        pictures = look(session)
        next(pictures)
        coordinator.fake.events = tuple(EventRow(number, 0, "node up", node="n1") for number in range(1, 10_002))
        asked = len(coordinator.fake.queries)
        picture = next(pictures)
        assert [row.number for row in picture.events] == list(range(9982, 10_002))
        assert (picture.left_out, len(coordinator.fake.queries) - asked) == (9980, 1)
        assert next(pictures).left_out == 0


def test_without_a_terminal_it_is_lines_and_ctrl_c_ends_it(coordinator: Serving) -> None:
    coordinator.fake.nodes = OVERVIEW
    coordinator.fake.events = (EventRow(1, 0, "node up", node="n1"),)
    with watching(coordinator) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline().startswith("coordinator 0.1.0, policy random, up 1:02:05; 1 at work")
        assert process.stdout.readline().endswith("node up: node n1\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == ExitCode.INTERRUPTED
        assert process.stderr.read() == "client: watched enough; the work goes on\n"


def test_as_json_it_is_an_object_a_line(coordinator: Serving) -> None:
    coordinator.fake.nodes = OVERVIEW
    coordinator.fake.events = (EventRow(1, 0, "node up", node="n1"),)
    with watching(coordinator, "--json") as process:
        assert process.stdout is not None
        about = json.loads(process.stdout.readline())
        assert (about["away_s"], about["pending"], about["nodes"][0]["state"]) == (0.0, 7, "ready")
        assert [row["number"] for row in about["events"]] == [1] and about["left_out"] == 0
        assert process.stdout.readline().count('"events": []') == 1, "each event is told once"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == ExitCode.INTERRUPTED


@pytest.mark.parametrize("option", ["--save", "--timing"])
def test_what_is_of_one_run_is_refused_without_its_name(run_client: RunClient, option: str) -> None:
    ended = run_client("watch", option, "model.npz")
    assert (ended.status, ended.out) == (ExitCode.USAGE, "")
    assert ended.err == f"client: {option} is of one run: name it, as in `client.py watch RUN {option} FILE`\n"


def watching(coordinator: Serving, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "client.py", "watch", "--server", coordinator.address, *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
