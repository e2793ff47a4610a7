"""The picture of `client.py watch`, on terminals of any size."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.everything import Picture, lines_of
from rpc.messages import Activity, EventRow
from tests.client.fake import COMPLETED, RUNNING
from tests.client.test_status import NODES, OVERVIEW

EVENTS = tuple(EventRow(number, 1_700_000_000_000, "node lost", node=f"n{number}") for number in range(1, 21))
OVERVIEW_NOW = replace(OVERVIEW, activities=(Activity(NODES[0].id, "run-7", "train", 2, 3, 1),))
PICTURE = Picture("127.0.0.1:9095", OVERVIEW_NOW, EVENTS)


def texts(picture: Picture, width: int = 80, height: int = 24) -> list[str]:
    return [line.text for line in lines_of(picture, width, height)]


@given(
    width=st.integers(20, 200), height=st.integers(10, 80), nodes=st.integers(0, 30), work=st.integers(0, 30),
    events=st.integers(0, 20),
)  # fmt: skip
def test_it_fits_the_terminal(width: int, height: int, nodes: int, work: int, events: int) -> None:
    overview = replace(OVERVIEW, nodes=(NODES * 15)[:nodes], work=(RUNNING, COMPLETED) * (work // 2))
    lines = texts(Picture("127.0.0.1:9095", overview, EVENTS[:events]), width, height)
    assert len(lines) <= height and max(map(len, lines)) <= width
    assert lines[-1].startswith("Ctrl-C ends")


def test_a_node_shows_what_it_does_or_what_is_the_matter() -> None:
    lines = texts(PICTURE)
    assert lines[5].split() == ["127.0.0.1:9091", "ready", "1/1", "12", "0", "run-7/2/3"]
    assert lines[6].split()[:3] == ["10.0.0.7:9092", "quarantined", "0/2"]
    assert lines[6].endswith("its answers are not finite")


def test_a_run_shows_its_rounds_and_what_it_waits_for() -> None:
    lines = texts(PICTURE, 66)
    assert next(line for line in lines if line.startswith("run-7")).endswith("waiting for a node")
    assert any("━━━━━━━━━━━━" in line for line in lines)


def test_the_latest_events_fill_what_is_left() -> None:
    lines = texts(PICTURE, height=18)
    shown = [line for line in lines if "node lost" in line]
    assert shown and shown[-1].endswith("node lost: node n20")
    assert len(lines) == 18


def test_while_the_coordinator_is_away_the_picture_says_so() -> None:
    away = replace(PICTURE, away_s=12.0, away="127.0.0.1:9095")
    assert "127.0.0.1:9095 has been away for 12 s; trying again" in texts(away)[1]


@pytest.mark.parametrize(("width", "shown"), [(120, True), (60, False)])
def test_a_wide_terminal_shows_more_of_a_node(width: int, shown: bool) -> None:
    assert ("cpu" in texts(PICTURE, width)[4]) is shown


def test_of_many_nodes_those_that_need_a_look_are_shown() -> None:
    nodes = tuple(replace(NODES[0], id=f"n{number}") for number in range(50))
    lines = texts(replace(PICTURE, overview=replace(OVERVIEW_NOW, nodes=(*nodes, NODES[1]))))
    assert lines[5].split()[:2] == ["10.0.0.7:9092", "quarantined"]
    assert any(line.startswith("and 4") and line.endswith(" more nodes: 47 ready") for line in lines)


@pytest.mark.parametrize(("left_out", "told"), [(980, "980 events"), (10_000, "10,000 or more events")])
def test_events_that_are_left_out_are_counted(left_out: int, told: str) -> None:
    lines = texts(replace(PICTURE, left_out=left_out), 120)
    assert sum(line.startswith(f"{told} before these are left out; ") for line in lines) == 1
