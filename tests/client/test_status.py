"""`client.py status`: nodes and runs, on a terminal and in a pipe."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from client.status import print_status
from rpc.messages import NodeRow, Overview
from tests.client.conftest import RunClient
from tests.client.fake import COMPLETED, RUNNING, Serving

NODES = (
    NodeRow("127.0.0.1:9091", "127.0.0.1:9091", "ready", 1, 1, 12, 3, 0, 4.25, "cpu"),
    NodeRow("10.0.0.7:9092", "gpu-box", "quarantined", 2, 0, 7, 0, 5, 0.0, "cuda:0", "its answers are not finite"),
)
RUNS = (replace(RUNNING, waiting_for="a node"), replace(COMPLETED, id="r6", name="letters"))
OVERVIEW = Overview("0.1.0", "random", 3725.0, NODES, RUNS)


class Terminal(io.StringIO):
    """A stream that says to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_nodes_and_runs_stand_in_columns_with_what_is_the_matter_below() -> None:
    stream = io.StringIO()
    print_status(OVERVIEW, stream)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "coordinator 0.1.0, policy random, up 1:02:05, 2 nodes, 2 runs"
    assert [line.split() for line in lines[2:5]] == [
        ["node", "state", "slots", "running", "done", "rejected", "failed", "speed"],
        ["127.0.0.1:9091", "ready", "1", "1", "12", "3", "0", "4.25/s"],
        ["10.0.0.7:9092", "quarantined", "2", "0", "7", "0", "5", "-"],
    ]
    assert lines[5] == "    gpu-box; cuda:0; its answers are not finite"
    assert lines[8].split()[:3] == ["run-7", "data", "running"]
    assert lines[9] == "    waiting for a node"
    assert lines[10].split()[-3:] == ["2/2", "4/4", "0.3815"]


@pytest.mark.parametrize("device", ["numpy", "numba"])
def test_the_usual_kernels_are_worth_no_note(device: str) -> None:
    stream = io.StringIO()
    print_status(replace(OVERVIEW, nodes=(replace(NODES[0], device=device),), work=()), stream)
    assert device not in stream.getvalue()


def test_the_tables_fit_80_columns() -> None:
    stream = io.StringIO()
    print_status(OVERVIEW, stream)
    assert max(map(len, stream.getvalue().splitlines())) <= 80


def test_a_terminal_gets_colours_and_a_pipe_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal, pipe = Terminal(), io.StringIO()
    print_status(OVERVIEW, terminal)
    print_status(OVERVIEW, pipe)
    assert "\x1b[32mready" in terminal.getvalue()
    assert "\x1b" not in pipe.getvalue()


def test_a_long_reason_is_not_cut_in_a_pipe() -> None:
    reason = "word " * 100
    stream = io.StringIO()
    print_status(replace(OVERVIEW, nodes=(replace(NODES[0], reason=reason),)), stream)
    assert reason.strip() in stream.getvalue()


def test_json_has_the_same_facts(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.nodes = OVERVIEW
    about = json.loads(run_client("status", "--json", "--server", coordinator.address).out)
    assert [node["state"] for node in about["nodes"]] == ["ready", "quarantined"]
    assert about["work"][0]["waiting_for"] == "a node"
