"""`client.py events` and `client.py why`."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta

import pytest

from client.api import connect
from client.event_commands import follow
from client.style import Style
from client.times import clock, ms_of, since
from rpc.errors import ExitCode
from rpc.messages import EventQuery, EventRow, NodeRow
from tests.client.conftest import RunClient
from tests.client.fake import RUN_ID, WHY, Serving

NOW = datetime(2026, 11, 22, 18, 0)
AT_MS = 1_700_000_000_000
EVENTS = (
    EventRow(1, AT_MS, "node lost", node="n1", message="no heartbeat for 10 s"),
    EventRow(2, AT_MS, "failed", RUN_ID, "n1", 3, 1, "timeout: no answer in 3 s"),
    EventRow(3, AT_MS, "store healed"),
)


def test_an_event_is_a_line_that_says_when_what_and_where(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.events = EVENTS
    lines = run_client("events", "--server", coordinator.address).out.splitlines()
    when = clock(AT_MS, datetime.now())
    assert lines == [
        f"{when}  node lost: node n1: no heartbeat for 10 s",
        f"{when}  failed: {RUN_ID}, node n1, round 3, shard 2: timeout: no answer in 3 s",
        f"{when}  store healed: coordinator",
    ]


def test_what_is_asked_for_is_asked_of_the_coordinator(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.node_rows = (NodeRow("n1", "", "ready"),)
    arguments = ("--run", RUN_ID, "--node", "n1", "--since", "2026-11-22T18:00", "--limit", "7", "--notable", "--json")
    assert json.loads(run_client("events", *arguments, "--server", coordinator.address).out) == []
    expected = EventQuery(RUN_ID, "n1", round(1000 * NOW.timestamp()), limit=7, notable=True)
    assert coordinator.fake.queries == [expected]


def test_following_goes_on_after_what_was_told(coordinator: Serving) -> None:
    coordinator.fake.events = EVENTS
    with connect(coordinator.address) as session:
        pages = follow(session, EventQuery(), session.events())
        assert next(pages).events == EVENTS
        coordinator.fake.events = (*EVENTS, EventRow(4, AT_MS, "node up", node="n1"))
        assert [row.number for row in next(pages).events] == [4]


def test_what_is_new_comes_whole_however_little_was_wanted_of_what_is_old(coordinator: Serving) -> None:
    coordinator.fake.events = EVENTS
    with connect(coordinator.address) as session:
        query = EventQuery(limit=1)
        pages = follow(session, query, session.events(query))
        assert [row.number for row in next(pages).events] == [3]
        coordinator.fake.events = tuple(EventRow(number, AT_MS, "node up") for number in range(4, 600))
        assert len(next(pages).events) == 596


NODES = (NodeRow("127.0.0.1:9091", "edge1", "ready"), NodeRow("ab12cd34", "edge2", "ready", identity="ab12cd34"))


@pytest.mark.parametrize(
    ("typo", "hint"),
    [
        ("127.0.0.1:9019", "do you mean 127.0.0.1:9091?"),
        ("edge3", "do you mean edge"),
        ("typo", "`client.py nodes list` lists them"),
    ],
)
def test_a_node_that_nobody_knows_is_named_with_one_like_it(
    coordinator: Serving, run_client: RunClient, typo: str, hint: str
) -> None:
    coordinator.fake.node_rows = NODES
    outcome = run_client("events", "--node", typo, "--server", coordinator.address)
    assert (outcome.status, outcome.out) == (ExitCode.FAILED, "")
    assert outcome.err.startswith(f"client: no node is called {typo!r}; {hint}") and outcome.err.count("\n") == 1


def test_a_node_that_is_gone_is_remembered_by_its_events(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.events, coordinator.fake.node_rows = EVENTS, NODES
    assert run_client("events", "--node", "n1", "--server", coordinator.address).status == ExitCode.DONE


def test_events_of_a_node_are_asked_for_by_any_of_its_names(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.node_rows = NODES
    told = "client: nothing like that has happened, or it is not known any more\n"
    assert run_client("events", "--node", "edge2", "--server", coordinator.address) == (ExitCode.DONE, "", told)
    assert coordinator.fake.queries[-1].node == "ab12cd34"


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "many"])
def test_a_limit_that_makes_no_sense_is_a_wrong_usage(run_client: RunClient, limit: str) -> None:
    outcome = run_client("events", f"--limit={limit}")
    assert outcome.status == ExitCode.USAGE
    assert outcome.err.startswith(
        f"client events: argument --limit: must be a whole number from 1 to 1,000, not {limit!r}"
    )


def test_why_is_one_answer_and_what_is_behind_it(coordinator: Serving, run_client: RunClient) -> None:
    lines = run_client("why", "run", RUN_ID, "--server", coordinator.address).out.splitlines()
    assert lines == [
        WHY.answer,
        "waiting:",
        f"  {clock(AT_MS, datetime.now())}  it waits for a compute node: none is connected",
        "    -> start a node",
        "node:",
        "  n1 is lost: reset",
        "  n2 is drained",
    ]
    about = json.loads(run_client("why", "run", RUN_ID, "--json", "--server", coordinator.address).out)
    assert about["reasons"][0]["advice"] == "start a node"


@pytest.mark.parametrize("name", [RUN_ID, "monday", "latest"])
def test_the_run_of_a_task_is_named_as_any_run_is(coordinator: Serving, run_client: RunClient, name: str) -> None:
    outcome = run_client("why", "task", f"{name}/3/0", "--server", coordinator.address)
    assert outcome.err == f"client: no task is called '{RUN_ID}/3/0'; do you mean {RUN_ID}?\n"


def test_an_unknown_id_is_one_line(coordinator: Serving, run_client: RunClient) -> None:
    outcome = run_client("why", "run", "run-9", "--server", coordinator.address)
    assert (outcome.status, outcome.out) == (ExitCode.FAILED, "")
    assert outcome.err == "client: no run is called 'run-9'; do you mean run-7?\n"


def test_a_moment_is_how_long_ago_or_when() -> None:
    assert since("15m") == timedelta(minutes=15) and since("1.5h") == timedelta(hours=1.5)
    assert ms_of(since("2d"), NOW) == ms_of(since("2026-11-20T18:00"), NOW)
    assert ms_of(None, NOW) == 0


@pytest.mark.parametrize("text", ["", "m", "yesterday", "1.2.3h", "-5m"])
def test_what_is_no_moment_is_a_wrong_usage(text: str, run_client: RunClient) -> None:
    outcome = run_client("events", f"--since={text}")
    assert outcome.status == ExitCode.USAGE
    assert "is no time; write 15m, 2h, 7d or 2026-11-22T18:00" in outcome.err


@pytest.mark.parametrize("text", ["99999999999d", "9999999d", f"{'9' * 400}s", "0001-01-01"])
def test_a_moment_before_all_calendars_is_a_wrong_usage(text: str, run_client: RunClient) -> None:
    outcome = run_client("events", f"--since={text}")
    assert outcome.status == ExitCode.USAGE
    assert f"{text!r} is too far away; write 15m" in outcome.err
    assert outcome.err.count("\n") == 1


def test_long_lines_are_wrapped_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("COLUMNS", "60")
    line = "  " + "word " * 30
    assert Style(io.StringIO()).wrap(line) == [line]
    wrapped = Style(Terminal()).wrap(line)
    assert max(map(len, wrapped)) <= 60 and wrapped[0].startswith("  word") and wrapped[1].startswith("      word")
