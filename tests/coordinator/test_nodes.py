"""The link to a node over real connections: sessions begin, end and begin again, whatever ends first."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import Queue
from random import Random

import pytest

from coordinator.core.events import Broke, Event, Held, NodeDown, NodeUp, Outcome
from coordinator.errands import Cargo
from coordinator.nodes import NodeLink
from coordinator.scripts import Call, Script
from coordinator.sessions import CallSettings, Surroundings
from rpc.errors import FailureKind
from rpc.messages import MAX_SLOTS, PROTOCOL_VERSION, Hello, HelloReply, NodeStatus, SurveyTask
from rpc.server import Caller, Later
from rpc.services import COMPUTE_NODE
from tests.rpc.running import PATIENCE_S, RunningLoop, RunningServer

SETTINGS = CallSettings("c", 1, "random", beat_s=0.05)
TASK = SurveyTask("r/0/0#1", 1, "r", 0, "sha256:" + "0" * 64)


class Node:
    """Answers hello and heartbeats; a survey it never answers. Knows its callers by connection."""

    def __init__(self) -> None:
        self.reply = HelloReply(PROTOCOL_VERSION, "node", slots=2, numeric_classes={"float32/1": "x"})
        self.callers: list[Caller] = []
        self.slow: Later | None = None
        self.local_reply: HelloReply | None = None  # to who comes by the Unix socket, if it is another one

    def hello(self, caller: Caller, hello: Hello) -> HelloReply | Later:
        self.callers.append(caller)
        if hello.connection == "slot" and self.slow is not None:
            return self.slow
        return self.local_reply if caller.peer == "a local peer" and self.local_reply else self.reply

    def status(self, caller: Caller) -> NodeStatus:
        return NodeStatus(numeric_classes=self.reply.numeric_classes)

    def survey(self, caller: Caller, task: SurveyTask) -> Later:
        return Later()


class Bench:
    """A node, a link to it, and the events of the link."""

    def __init__(self, folder: Path) -> None:
        self.running = RunningLoop()
        self.node = Node()
        self.server = RunningServer(self.running, COMPUTE_NODE, self.node, local_folder=folder)
        self.events: Queue[Event] = Queue()
        self.react: Callable[[Event], None] = lambda event: None
        aside: Callable[..., None] = lambda work, done: done(work())  # noqa: E731
        around = Surroundings(self.running.loop, aside, SETTINGS)
        self.link = NodeLink(around, "n", self.server.address, Random(1), post=self.take)

    def take(self, event: Event) -> None:
        self.events.put(event)
        self.react(event)

    def open(self) -> None:
        self.running.do(self.link.open)

    def next(self, kind: type[Event]) -> Event:
        """Return the next event of a kind."""
        while True:
            event = self.events.get(timeout=PATIENCE_S)
            if isinstance(event, kind):
                return event

    def play(self, session: int, script: Script) -> Queue[Outcome]:
        outcomes: Queue[Outcome] = Queue()
        make: Callable[[Cargo], Script] = lambda cargo: script  # noqa: E731
        self.running.do(lambda: self.link.play(session, make, lambda outcome, sent, received: outcomes.put(outcome)))
        return outcomes

    def close_control(self) -> None:
        """Let the node close the connection that said hello first."""
        first = next(each for each in self.server.server._known if each.caller is self.node.callers[0])
        first.connection.close()

    def connections(self) -> int:
        return self.running.do(lambda: self.server.server.connections)

    def close(self) -> None:
        self.running.do(self.link.close)
        self.server.close()
        self.running.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def survey() -> Script:
    yield Call("survey", (TASK,))
    return Held()


def test_a_session_is_announced_when_all_its_connections_are_there(bench: Bench) -> None:
    bench.open()
    up = bench.next(NodeUp)
    assert isinstance(up, NodeUp)
    assert (up.session, up.info.slots) == (1, 2)
    assert bench.connections() == 3


def test_slots_go_by_the_unix_socket_of_a_node_on_the_same_host(bench: Bench) -> None:
    bench.node.reply = replace(bench.node.reply, local_socket=bench.server.server.local_socket)
    bench.open()
    bench.next(NodeUp)
    control, *slots = [caller.peer for caller in bench.node.callers]
    assert control.startswith("127.0.0.1:") and slots == ["a local peer"] * 2


@pytest.mark.parametrize("what", ["nobody listens", "another node answers", "the folder is open to others"])
def test_where_the_unix_socket_leads_nowhere_slots_go_by_the_port(bench: Bench, tmp_path: Path, what: str) -> None:
    path = bench.server.server.local_socket
    bench.node.reply = replace(bench.node.reply, local_socket=path)
    if what == "nobody listens":
        os.unlink(path)
        with socket.socket(socket.AF_UNIX) as deserted:
            deserted.bind(path)
    elif what == "another node answers":
        bench.node.local_reply = replace(bench.node.reply, local_socket="/elsewhere")
    else:
        tmp_path.chmod(0o755)
    bench.open()
    up = bench.next(NodeUp)
    assert isinstance(up, NodeUp) and up.session == 1
    slots = [caller.peer for caller in bench.node.callers][-2:]
    assert all(peer.startswith("127.0.0.1:") for peer in slots)


def test_when_the_control_connection_ends_first_the_node_is_dialled_again(bench: Bench) -> None:
    def place_again(event: Event) -> None:
        # What a dispatcher does with the report of a lost attempt: it starts the next task where a slot is free.
        if isinstance(event, NodeDown):
            bench.link.play(event.session, lambda cargo: survey(), lambda outcome, sent, received: None)

    bench.react = place_again
    bench.open()
    bench.next(NodeUp)
    outcomes = [bench.play(1, survey()) for _ in range(2)]
    bench.running.do(bench.close_control)
    down = bench.next(NodeDown)
    assert isinstance(down, NodeDown) and down.session == 1
    for outcome in outcomes:
        ended = outcome.get(timeout=PATIENCE_S)
        assert isinstance(ended, Broke) and ended.kind is FailureKind.NODE_LOST
    up = bench.next(NodeUp)
    assert isinstance(up, NodeUp) and up.session > 1
    assert bench.connections() == 3


def test_a_slot_that_comes_up_after_its_session_leaves_nothing_behind(bench: Bench) -> None:
    bench.node.slow = Later()
    bench.open()
    while len(bench.node.callers) < 3:
        bench.running.do(lambda: None)
    slow, bench.node.slow = bench.node.slow, None
    bench.running.do(bench.close_control)
    bench.running.do(lambda: slow.resolve(bench.node.reply))
    up = bench.next(NodeUp)
    assert isinstance(up, NodeUp) and (up.session, up.info.slots) == (2, 2)
    assert bench.connections() == 3


def test_a_node_that_offers_too_many_slots_is_refused_with_a_reason(bench: Bench) -> None:
    bench.node.reply = replace(bench.node.reply, slots=MAX_SLOTS + 1)
    bench.open()
    bench.next(NodeDown)
    assert f"offers {MAX_SLOTS + 1} slots" in bench.link.reason


def test_what_is_played_in_a_session_that_is_over_is_dropped(bench: Bench) -> None:
    bench.open()
    bench.next(NodeUp)
    assert bench.play(7, survey()).empty()


def test_an_unexpected_error_in_a_script_is_an_outcome_and_frees_the_slot(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Script:
        raise OSError("disk full")
        yield

    bench.open()
    bench.next(NodeUp)
    for _ in range(5):  # more often than there are slots
        outcome = bench.play(1, broken()).get(timeout=PATIENCE_S)
        assert isinstance(outcome, Broke) and outcome.kind is FailureKind.SETUP_FAILED
    assert "disk full" in caplog.text
