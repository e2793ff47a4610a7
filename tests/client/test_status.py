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
OVERVIEW = Overview("0.1.0", "random", 3725.0, NODES, RUNS, store="SQLite 3.40.1", pending=7, running=1)


class Terminal(io.StringIO):
    """A stream that says to be a terminal."""

    def isatty(self) -> bool:
        return True


def test_nodes_and_runs_stand_in_columns_with_what_is_the_matter_below() -> None:
    stream = io.StringIO()
    print_status(OVERVIEW, stream)
    lines = stream.getvalue().splitlines()
    assert lines[:3] == [
        "coordinator 0.1.0, policy random, up 1:02:05",
        "store well: SQLite 3.40.1",
        "1 at work, 7 waiting; 2 nodes: 1 ready, 1 quarantined",
    ]
    assert [line.split() for line in lines[4:7]] == [
        ["node", "state", "slots", "running", "done", "rejected", "failed", "speed"],
        ["127.0.0.1:9091", "ready", "1", "1", "12", "3", "0", "4.25/s"],
        ["10.0.0.7:9092", "quarantined", "2", "0", "7", "0", "5", "-"],
    ]
    assert lines[7] == "    its answers are not finite; gpu-box; cuda:0"
    assert lines[10].split()[:3] == ["run-7", "data", "running"]
    assert lines[11] == "    waiting for a node"
    assert lines[12].split()[-3:] == ["2/2", "4/4", "0.3815"]


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


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    print_status(OVERVIEW, terminal)
    assert "\x1b" not in terminal.getvalue()


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_the_figures_that_matter_are_there_on_a_terminal_of_any_width(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    work = tuple(replace(row, name="a folder with a long name") for row in RUNS)
    print_status(replace(OVERVIEW, work=work), terminal)
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= columns
    assert [line.split()[-1] for line in lines if line.startswith(("id ", "r6"))] == ["error", "0.3815"]
    assert "failed" in next(line for line in lines if line.startswith("node ")).split()
    assert "1 quarantined" in " ".join(" ".join(lines).split())


def test_names_of_any_length_leave_room_for_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal, long = Terminal(), "x" * 10_000
    nodes = (replace(NODES[0], id=long, name=long, reason=long),)
    print_status(replace(OVERVIEW, nodes=nodes, work=(replace(RUNS[1], name=long),), version=long), terminal)
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.endswith("0.3815") for line in lines) and any("ready" in line.split() for line in lines)


def test_of_many_nodes_those_that_need_a_look_are_shown() -> None:
    nodes = tuple(replace(NODES[0], id=f"n{number}") for number in range(100))
    lost = replace(NODES[0], id="gone", state="lost", reason="no heartbeat for 10 s")
    stream = io.StringIO()
    print_status(replace(OVERVIEW, nodes=(*nodes, lost, NODES[1])), stream)
    lines = stream.getvalue().splitlines()
    assert [lines[5].split()[:2], lines[6]] == [["gone", "lost"], "    no heartbeat for 10 s; 127.0.0.1:9091"]
    assert lines[7].split()[:2] == ["10.0.0.7:9092", "quarantined"]


def test_a_state_of_a_later_version_is_shown_too() -> None:
    stream = io.StringIO()
    work = tuple(replace(RUNNING, id=f"run-{number}", state="paused") for number in range(9))
    print_status(replace(OVERVIEW, work=work), stream)
    assert sum(" paused " in line for line in stream.getvalue().splitlines()) == 4


def test_a_store_that_fails_is_told() -> None:
    stream = io.StringIO()
    print_status(replace(OVERVIEW, store_fault="store s.db: disk full"), stream)
    assert "store paused, nothing can be remembered now: store s.db: disk full" in stream.getvalue()


def test_of_very_many_nodes_and_runs_one_screen_is_shown() -> None:
    nodes = tuple(replace(NODES[0], id=f"n{number}") for number in range(100))
    work = tuple(replace(RUNNING, id=f"run-{number}", state="pending") for number in range(10)) + tuple(
        replace(COMPLETED, id=f"old-{number}") for number in range(10)
    )
    stream = io.StringIO()
    print_status(replace(OVERVIEW, nodes=nodes, work=work, pending=1000), stream)
    lines = stream.getvalue().splitlines()
    assert len(lines) <= 40
    assert "and 90 more nodes: 90 ready; `client.py nodes list` lists all" in lines
    assert lines[-1] == "and 996 more that wait; `client.py why run|job ID` says why one does"


def test_json_has_the_same_facts(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.nodes = OVERVIEW
    about = json.loads(run_client("status", "--json", "--server", coordinator.address).out)
    assert [node["state"] for node in about["nodes"]] == ["ready", "quarantined"]
    assert about["work"][0]["waiting_for"] == "a node"
