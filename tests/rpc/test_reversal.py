"""A connection on which the roles reverse: whoever was called calls from then on."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue
from typing import Any

import pytest

from rpc.channel import Channel
from rpc.errors import Refused, TrainerError, Unreachable
from rpc.loop import Loop
from rpc.messages import PROTOCOL_VERSION, SMALL_FRAME_BYTES, Hello, HelloReply, Join
from rpc.server import Caller, Reversal
from rpc.services import COMPUTE_NODE, COORDINATOR
from rpc.session import Session
from rpc.transport import Connection
from tests.rpc.node import NodeHandler
from tests.rpc.running import PATIENCE_S, RunningLoop, RunningServer

HELLO = Hello(PROTOCOL_VERSION, "coordinator", connection="slot")
JOIN = Join("node-1", "00", "slot", 1)


class Coordinator:
    """Takes over every connection that is offered, and calls on it."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.channels: Queue[Channel] = Queue()
        self.ups: Queue[HelloReply] = Queue()
        self.downs: Queue[TrainerError] = Queue()
        self.refusal: TrainerError | None = None

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        return HelloReply(PROTOCOL_VERSION, "coordinator")

    def join(self, caller: Caller, join: Join) -> Reversal:
        if self.refusal is not None:
            raise self.refusal
        return Reversal(None, self.take)

    def take(self, connection: Connection) -> None:
        channel = Channel(
            self._loop, ("joined", 1), COMPUTE_NODE,
            hello=HELLO, on_up=self.ups.put, on_down=self.downs.put, accepted=connection,
        )  # fmt: skip
        self.channels.put(channel)


class Node:
    """Dials, offers the connection and serves on it."""

    def __init__(self, loop: Loop, address: tuple[str, int]) -> None:
        self.handler = NodeHandler(loop)
        self.downs: Queue[TrainerError] = Queue()
        hello = Hello(PROTOCOL_VERSION, "node", connection="slot")
        self.channel = Channel(loop, address, COORDINATOR, hello=hello, on_up=self.up, on_down=self.downs.put)

    def up(self, reply: HelloReply) -> None:
        self.channel.call("join", JOIN, timeout_s=PATIENCE_S, on_reply=self.joined)

    def joined(self, reply: Any) -> None:
        if isinstance(reply, TrainerError):
            self.channel.close(reply)
            return
        connection = self.channel.release()
        session = Session(COMPUTE_NODE, self.handler, self)
        session.start(connection)

        def ended(reason: TrainerError) -> None:
            session.closed()
            self.downs.put(reason)

        connection.hand_over(session.on_frame, ended)

    def spoke(self, session: Session) -> None: ...
    def admit(self, session: Session) -> None: ...


class Scene:
    def __init__(self) -> None:
        self.running = RunningLoop()
        self.coordinator = Coordinator(self.running.loop)
        self.server = RunningServer(self.running, COORDINATOR, self.coordinator)

    def node(self) -> Node:
        return self.running.do(lambda: Node(self.running.loop, self.server.address))

    def call(self, channel: Channel, name: str, *args: Any) -> Any:
        replies: Queue[Any] = Queue()
        self.running.do(
            lambda: channel.call(name, *args, timeout_s=PATIENCE_S, on_reply=lambda got: replies.put(keep(got)))
        )
        return replies.get(timeout=PATIENCE_S)


def keep(reply: Any) -> Any:
    """A view in a reply is valid while it is delivered only."""
    return bytes(reply) if isinstance(reply, memoryview) else reply


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.server.close()
    scene.running.close()


def test_whoever_was_dialled_calls_after_the_answer(scene: Scene) -> None:
    node = scene.node()
    assert scene.coordinator.ups.get(timeout=PATIENCE_S).name == "n1"
    channel = scene.coordinator.channels.get()
    assert scene.call(channel, "status").load == 0.5
    data = bytes(3 * SMALL_FRAME_BYTES)
    assert scene.call(channel, "put_blob", "b", len(data), 0, data).have == len(data)
    assert scene.call(channel, "get_blob", "b", 0, len(data)) == data
    assert node.handler.blobs == {"b": data}


def test_both_sides_hear_of_the_end(scene: Scene) -> None:
    node = scene.node()
    scene.coordinator.ups.get(timeout=PATIENCE_S)
    channel = scene.coordinator.channels.get()
    scene.running.do(channel.close)
    assert isinstance(scene.coordinator.downs.get(timeout=PATIENCE_S), Unreachable)
    assert isinstance(node.downs.get(timeout=PATIENCE_S), Unreachable)
    assert node.handler.closed.get(timeout=PATIENCE_S)
    assert scene.running.do(lambda: scene.server.server.connections) == 0


def test_a_server_that_closes_ends_what_it_has_taken_over(scene: Scene) -> None:
    node = scene.node()
    scene.coordinator.ups.get(timeout=PATIENCE_S)
    scene.server.close()
    assert isinstance(scene.coordinator.downs.get(timeout=PATIENCE_S), Unreachable)
    assert isinstance(node.downs.get(timeout=PATIENCE_S), Unreachable)


def test_an_offer_that_is_refused_says_why(scene: Scene) -> None:
    scene.coordinator.refusal = Refused("it was removed")
    with pytest.raises(Refused, match="it was removed"):
        raise scene.node().downs.get(timeout=PATIENCE_S)


def test_a_connection_that_ends_before_anybody_calls_on_it_is_told(scene: Scene) -> None:
    def take(connection: Connection) -> None:
        Coordinator.take(scene.coordinator, connection)
        connection.close()

    scene.coordinator.take = take  # type: ignore[method-assign]
    scene.node()
    assert isinstance(scene.coordinator.downs.get(timeout=PATIENCE_S), Unreachable)
    assert scene.coordinator.ups.empty()
