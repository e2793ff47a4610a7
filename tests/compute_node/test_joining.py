"""A node that dials its coordinator: all its connections, and again when they end. Nothing listens at the node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from compute_node.config import NodeConfig
from compute_node.key import node_key
from compute_node.node import ComputeNode
from rpc.channel import Channel
from rpc.errors import Refused, TrainerError
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply, Join
from rpc.node_identity import identity_of
from rpc.server import Caller, Reversal
from rpc.services import COMPUTE_NODE, COORDINATOR
from rpc.transport import Connection
from tests.compute_node.running import HeldTrainer, running
from tests.rpc.running import PATIENCE_S, RunningLoop, RunningServer


class Coordinator:
    """Takes every connection that a node offers."""

    def __init__(self) -> None:
        self.offers: Queue[tuple[Join, Connection]] = Queue()
        self.refusals: list[TrainerError] = []

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        return HelloReply(PROTOCOL_VERSION, "coordinator")

    def join(self, caller: Caller, join: Join) -> Reversal:
        if self.refusals:
            raise self.refusals.pop()
        return Reversal(None, lambda connection: self.offers.put((join, connection)))


class Scene:
    """A coordinator to join."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running = RunningLoop()
        self.coordinator = Coordinator()
        self.server = RunningServer(self.running, COORDINATOR, self.coordinator)

    def config(self, slots: int = 2) -> NodeConfig:
        return NodeConfig(join=self.server.address, slots=slots, data_dir=str(self.folder))

    def offer(self) -> tuple[Join, Connection]:
        return self.coordinator.offers.get(timeout=PATIENCE_S)

    def hello(self, connection: Connection, kind: str) -> HelloReply:
        """Call the node on a connection that it has offered."""
        ups: Queue[HelloReply] = Queue()
        hello = Hello(PROTOCOL_VERSION, "coordinator", coordinator="c", epoch=1, connection=kind)
        self.running.do(
            lambda: Channel(
                self.running.loop, ("joined", 1), COMPUTE_NODE,
                hello=hello, on_up=ups.put, on_down=lambda error: None, accepted=connection,
            )
        )  # fmt: skip
        return ups.get(timeout=PATIENCE_S)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.server.close()
    scene.running.close()


def test_a_node_opens_a_connection_for_control_and_one_for_each_slot_and_serves_on_them(scene: Scene) -> None:
    with running(ComputeNode(scene.config(), HeldTrainer())) as node:
        offers = [scene.offer() for _ in range(3)]
        assert [join.connection for join, _ in offers] == ["control", "slot", "slot"]
        assert len({(join.node, join.session) for join, _ in offers}) == 1
        identity = identity_of(node_key(scene.folder / "node.key"))
        assert offers[0][0].node == node.identity == identity
        for join, connection in offers:
            reply = scene.hello(connection, join.connection)
            assert (reply.name, reply.identity, reply.slots, reply.local_socket) == (identity, identity, 2, "")


def test_a_node_joins_anew_when_its_control_connection_ends(scene: Scene) -> None:
    with running(ComputeNode(scene.config(slots=1), HeldTrainer())):
        (first, control), _ = scene.offer(), scene.offer()
        scene.running.do(control.close)
        again = [scene.offer()[0] for _ in range(2)]
        assert [join.connection for join in again] == ["control", "slot"]
        assert again[0].session != first.session and again[0].node == first.node


def test_a_slot_whose_connection_ends_is_opened_again(scene: Scene) -> None:
    with running(ComputeNode(scene.config(slots=1), HeldTrainer())):
        (first, _), (_, slot) = scene.offer(), scene.offer()
        scene.running.do(slot.close)
        again, _ = scene.offer()
        assert (again.connection, again.session) == ("slot", first.session)


def test_a_node_that_is_refused_goes_on_trying(scene: Scene) -> None:
    scene.coordinator.refusals = [Refused("it was removed") for _ in range(2)]
    with running(ComputeNode(scene.config(slots=1), HeldTrainer())):
        assert scene.offer()[0].connection == "control"
    assert not scene.coordinator.refusals
