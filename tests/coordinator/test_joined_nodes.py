"""Nodes that have dialled in, over real connections: sessions begin, end and begin again."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue
from random import Random

import pytest

from coordinator.core.events import Broke, Event, NodeDown, NodeOrder, NodeUp, Ordered, Outcome
from coordinator.core.policies import RoundRobin
from coordinator.core.pool import NodePool, PoolSettings
from coordinator.membership import Membership
from coordinator.scripts import Call, Script
from coordinator.sessions import CallSettings, Surroundings
from rpc.channel import Channel
from rpc.errors import FailureKind, Refused, TrainerError
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply, Join, NodeStatus, SurveyTask
from rpc.node_identity import KEY_BYTES, identity_of
from rpc.server import Caller, Later, Reversal
from rpc.services import COMPUTE_NODE, COORDINATOR
from rpc.session import Session
from tests.rpc.running import PATIENCE_S, RunningLoop, RunningServer

KEY = bytes(KEY_BYTES)
NODE = identity_of(KEY)
TASK = SurveyTask("r/0/0#1", 1, "r", 0, "sha256:" + "0" * 64)
CLASSES = {"float32/1": "x"}


class Node:
    """Answers hello and, unless it is cut off, heartbeats; a survey it never answers."""

    is_cut_off = False

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        return HelloReply(PROTOCOL_VERSION, "node", slots=2, numeric_classes=CLASSES, identity=NODE)

    def status(self, caller: Caller) -> NodeStatus | Later:
        return Later() if self.is_cut_off else NodeStatus(numeric_classes=CLASSES)

    def survey(self, caller: Caller, task: SurveyTask) -> Later:
        return Later()


class Line:
    """One connection of a node: dialled, offered, then served on."""

    def __init__(self, scene: Scene, connection: str, number: int, instance: str) -> None:
        self.downs: Queue[TrainerError] = Queue()
        self.node = Node()
        self._join = Join(NODE, KEY.hex(), connection, number, instance)
        hello = Hello(PROTOCOL_VERSION, "node", connection=connection)
        self._channel = Channel(
            scene.running.loop, scene.server.address, COORDINATOR,
            hello=hello, on_up=self._up, on_down=self.downs.put,
        )  # fmt: skip

    def close(self) -> None:
        assert self._channel.connection is not None
        self._channel.connection.close()

    def spoke(self, session: Session) -> None: ...
    def admit(self, session: Session) -> None: ...

    def _up(self, reply: HelloReply) -> None:
        self._channel.call("join", self._join, timeout_s=PATIENCE_S, on_reply=self._joined)

    def _joined(self, reply: object) -> None:
        if isinstance(reply, TrainerError):
            self.downs.put(reply)
            return
        connection = self._channel.release()
        session = Session(COMPUTE_NODE, self.node, self)
        session.start(connection)
        connection.hand_over(session.on_frame, self.downs.put)


class Scene:
    """A coordinator's door and membership, and the events of its nodes. It is the handler of the door."""

    def __init__(self, lease_s: float = PATIENCE_S) -> None:
        self.running = RunningLoop()
        self.server = RunningServer(self.running, COORDINATOR, self)
        self.events: Queue[Event] = Queue()
        settings = CallSettings("c", 1, "random", beat_s=0.05, lease_s=lease_s)
        around = Surroundings(self.running.loop, lambda work, done: done(work()), settings)
        pool = NodePool(RoundRobin(), PoolSettings())
        self.membership = Membership(around, pool, Random(0), post=self.events.put, changed=lambda member: None)

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        return HelloReply(PROTOCOL_VERSION, "coordinator")

    def join(self, caller: Caller, join: Join) -> Reversal | Later:
        return self.membership.join(join)

    def line(self, connection: str = "control", number: int = 1, instance: str = "") -> Line:
        return self.running.do(lambda: Line(self, connection, number, instance))

    def up(self, number: int = 1, instance: str = "") -> tuple[list[Line], NodeUp]:
        """Let the node join with all its connections."""
        control = self.line("control", number, instance)
        while not self.running.do(lambda: NODE in {member.link.id for member in self.membership}):
            pass
        lines = [control, self.line("slot", number), self.line("slot", number)]
        up = self.next(NodeUp)
        assert isinstance(up, NodeUp)
        return lines, up

    def next(self, kind: type[Event]) -> Event:
        """Return the next event of a kind."""
        while True:
            event = self.events.get(timeout=PATIENCE_S)
            if isinstance(event, kind):
                return event

    def play(self, session: int, script: Script) -> Queue[Outcome]:
        outcomes: Queue[Outcome] = Queue()
        link = self.membership.link(NODE)
        self.running.do(lambda: link.play(session, lambda cargo: script, lambda outcome, *_: outcomes.put(outcome)))
        return outcomes

    def close(self) -> None:
        self.running.do(self.membership.close)
        self.server.close()
        self.running.close()


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.close()


def survey() -> Script:
    reply: Outcome = yield Call("survey", (TASK,))
    return reply


def test_a_node_is_announced_when_all_its_connections_are_there(scene: Scene) -> None:
    _, up = scene.up()
    assert (up.info.id, up.info.identity, up.info.slots, up.session) == (NODE, NODE, 2, 1)
    (member,) = scene.membership
    assert (member.source, member.address.startswith("127.0.0.1:")) == ("joined", True)


def test_a_node_that_joins_anew_begins_a_later_session(scene: Scene) -> None:
    old, _ = scene.up(number=1)
    outcome = scene.play(1, survey())
    _, up = scene.up(number=2)
    assert up.session == 2
    ended = outcome.get(timeout=PATIENCE_S)
    assert isinstance(ended, Broke) and ended.kind is FailureKind.NODE_LOST
    for line in old:
        assert line.downs.get(timeout=PATIENCE_S)


def test_a_second_process_with_the_same_key_is_refused_while_the_first_one_answers(scene: Scene) -> None:
    first, _ = scene.up(number=1, instance="a")
    (member,) = scene.membership
    for number in (2, 3, 4):
        refused = scene.line(number=number, instance="b").downs.get(timeout=PATIENCE_S)
        assert isinstance(refused, Refused)
        assert f"{NODE} is connected already, from {member.address}: another process has the same key" in str(refused)
        assert "--key-file" in str(refused)
    assert all(line.downs.empty() for line in first), "the first one stays"
    assert not [event for event in list(scene.events.queue) if isinstance(event, NodeDown)]


def test_a_process_that_was_restarted_takes_the_place_of_one_that_is_cut_off() -> None:
    scene = Scene(lease_s=3.0)
    try:
        first, _ = scene.up(number=1, instance="a")
        first[0].node.is_cut_off = True
        second = scene.line(number=2, instance="b")
        assert first[0].downs.get(timeout=PATIENCE_S)
        for _ in range(2):
            scene.line("slot", number=2)
        up = scene.next(NodeUp)
        assert isinstance(up, NodeUp) and up.session == 2 and second.downs.empty()
    finally:
        scene.close()


def test_a_process_takes_the_place_of_one_that_ends_while_it_is_asked(scene: Scene) -> None:
    first, _ = scene.up(number=1, instance="a")
    first[0].node.is_cut_off = True
    second = scene.line(number=2, instance="b")
    scene.running.do(first[0].close)
    assert scene.next(NodeDown)
    for _ in range(2):
        scene.line("slot", number=2, instance="b")
    up = scene.next(NodeUp)
    assert isinstance(up, NodeUp) and up.session == 2 and second.downs.empty()


def test_the_same_process_that_joins_anew_is_not_asked_whether_it_is_there(scene: Scene) -> None:
    first, _ = scene.up(number=1, instance="a")
    first[0].node.is_cut_off = True
    _, up = scene.up(number=2, instance="a")
    assert up.session == 2


def test_the_end_of_the_control_connection_ends_the_session(scene: Scene) -> None:
    lines, _ = scene.up()
    scene.running.do(lines[0].close)
    down = scene.next(NodeDown)
    assert isinstance(down, NodeDown) and (down.node_id, down.session) == (NODE, 1)
    for line in lines[1:]:
        assert line.downs.get(timeout=PATIENCE_S)


def test_a_connection_of_an_earlier_joining_is_closed(scene: Scene) -> None:
    scene.up(number=2)
    assert scene.line("slot", number=1).downs.get(timeout=PATIENCE_S)


def test_a_node_that_does_not_open_its_slots_is_given_up() -> None:
    scene = Scene(lease_s=0.2)
    try:
        control = scene.line()
        down = scene.next(NodeDown)
        assert isinstance(down, NodeDown) and down.reason == f"{NODE} has not opened its connections in 0.2 s"
        assert control.downs.get(timeout=PATIENCE_S)
    finally:
        scene.close()


def test_a_removed_node_is_cut_off_and_what_runs_there_is_lost(scene: Scene) -> None:
    lines, _ = scene.up()
    outcome = scene.play(1, survey())
    scene.running.do(lambda: scene.membership.order(NODE, "remove", "a new disk"))
    ordered = scene.next(Ordered)
    assert ordered == Ordered(NODE, NodeOrder.REMOVE, "a new disk"), "before its end is told, which is no loss then"
    down = scene.next(NodeDown)
    assert isinstance(down, NodeDown) and down.reason == "a new disk"
    assert isinstance(outcome.get(timeout=PATIENCE_S), Broke)
    for line in lines:
        assert line.downs.get(timeout=PATIENCE_S)
