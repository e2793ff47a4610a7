"""Which nodes belong to a coordinator, and what is decided of them over their connections."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import Event, NodeOrder, NodeUp, Ordered, Recalled
from coordinator.core.node_facts import NodeInfo, TaskCounts
from coordinator.core.policies import RoundRobin
from coordinator.membership import Member, Membership
from coordinator.node_views import node_change, node_row
from coordinator.sessions import CallSettings, Surroundings
from coordinator.store.changes import NodeRemoved, NodeSeen
from coordinator.views import Clock
from rpc.errors import BadRequest, NotFound, Refused
from rpc.loop import Loop
from rpc.messages import Join
from rpc.node_identity import KEY_BYTES, identity_of

KEY = bytes(range(KEY_BYTES))
NODE = identity_of(KEY)
A, B = ("127.0.0.1", 9091), ("127.0.0.1", 9092)


class Scene:
    """A membership whose loop does not run: nothing is ever reached."""

    def __init__(self, loop: Loop) -> None:
        self.changed: list[str] = []
        self.dispatcher = Dispatcher(RoundRobin(), Random(0))
        around = Surroundings(loop, lambda work, done: None, CallSettings("c", 1, "random"))
        self.membership = Membership(
            around, self.dispatcher.pool, Random(0), post=self.handle,
            changed=lambda member: self.changed.append(id_of(member)),
        )  # fmt: skip
        self.orders: list[Ordered] = []

    def handle(self, event: Event) -> None:
        if isinstance(event, Ordered):
            self.orders.append(event)
        self.dispatcher.handle(event, 0.0)

    def up(self, node_id: str, name: str = "", identity: str = "") -> None:
        self.handle(NodeUp(NodeInfo(node_id, name=name, identity=identity), session=1))

    def states(self) -> dict[str, str]:
        members = self.membership.everyone
        return {id_of(each): node_row(each, self.dispatcher.pool, Clock(0.0)).state for each in members}

    def change(self, member: Member) -> NodeSeen | NodeRemoved:
        return node_change(member, self.dispatcher.pool, Clock(0.0))


def id_of(member: Member) -> str:
    return member.link.id


def join(connection: str = "control", *, node: str = NODE, key: str = KEY.hex()) -> Join:
    return Join(node, key, connection, session=1)


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.stop()
    loop.run()  # which releases what it holds


@pytest.fixture
def scene(loop: Loop) -> Iterator[Scene]:
    scene = Scene(loop)
    yield scene
    scene.membership.close()


def test_nodes_come_and_go_with_their_lines(scene: Scene) -> None:
    scene.membership.listed([A])
    scene.membership.listed([A, B])
    assert scene.states() == {"127.0.0.1:9091": "connecting", "127.0.0.1:9092": "connecting"}
    scene.membership.listed([B])
    assert list(scene.states()) == ["127.0.0.1:9092"]
    scene.membership.listed([A, B])
    assert len(list(scene.membership)) == 2


def test_a_node_that_was_added_outlives_its_line(scene: Scene) -> None:
    scene.membership.add("127.0.0.1:9091")
    scene.membership.listed([A, B])
    scene.membership.add("127.0.0.1:9092")
    scene.membership.listed([])
    assert scene.states() == {"127.0.0.1:9091": "connecting", "127.0.0.1:9092": "connecting"}


def test_a_node_whose_line_is_gone_is_not_known_any_more(scene: Scene) -> None:
    scene.membership.listed([A])
    scene.membership.listed([])
    with pytest.raises(NotFound, match="no node is called"):
        scene.membership.order("127.0.0.1:9091", "resume", "")


@pytest.mark.parametrize("address", ["", "9091", "host:", "host:port", "host:70000"])
def test_what_is_no_address_is_not_added(scene: Scene, address: str) -> None:
    with pytest.raises(BadRequest, match="is not HOST:PORT, where a node listens"):
        scene.membership.add(address)


def test_a_drained_node_stays_drained_over_its_sessions_until_it_is_resumed(scene: Scene) -> None:
    scene.membership.listed([A])
    scene.membership.order("127.0.0.1:9091", "drain", "new disk")
    assert scene.orders == [Ordered("127.0.0.1:9091", NodeOrder.DRAIN, "new disk")]
    assert scene.states() == {"127.0.0.1:9091": "drained"}
    scene.up("127.0.0.1:9091")
    assert scene.states() == {"127.0.0.1:9091": "drained"}
    assert scene.dispatcher.pool.free_slots == 0
    scene.membership.order("127.0.0.1:9091", "resume", "")
    assert scene.states() == {"127.0.0.1:9091": "ready"}
    assert scene.dispatcher.pool.free_slots == 1


def test_a_removed_node_stays_away_until_somebody_wants_it_back(scene: Scene) -> None:
    scene.membership.listed([A])
    scene.membership.order("127.0.0.1:9091", "remove", "")
    scene.membership.listed([A])
    assert (list(scene.membership), scene.states()) == ([], {"127.0.0.1:9091": "removed"})
    scene.membership.order("127.0.0.1:9091", "resume", "")
    assert scene.states() == {"127.0.0.1:9091": "connecting"}
    scene.membership.order("127.0.0.1:9091", "remove", "")
    scene.membership.add("127.0.0.1:9091")
    assert scene.states() == {"127.0.0.1:9091": "connecting"}
    scene.membership.order("127.0.0.1:9091", "remove", "")
    scene.membership.listed([])
    scene.membership.listed([A])
    assert scene.states() == {"127.0.0.1:9091": "connecting"}, "a line that is written anew takes it back"


def test_a_node_is_called_by_id_name_or_identity(scene: Scene) -> None:
    scene.membership.listed([A, B])
    scene.up("127.0.0.1:9091", "gpu-box", NODE)
    scene.up("127.0.0.1:9092", "twin")
    for name in ("127.0.0.1:9091", "gpu-box", NODE):
        assert id_of(scene.membership.order(name, "readmit", "")) == "127.0.0.1:9091"
    with pytest.raises(NotFound, match="no node is called 'nobody'"):
        scene.membership.order("nobody", "drain", "")
    scene.up("127.0.0.1:9092", "gpu-box")
    scene.handle(NodeUp(NodeInfo("127.0.0.1:9092", name="gpu-box"), session=2))
    with pytest.raises(NotFound, match=r"several nodes are called 'gpu-box': 127.0.0.1:9091, 127.0.0.1:9092"):
        scene.membership.order("gpu-box", "drain", "")


def test_an_order_that_is_none_is_refused(scene: Scene) -> None:
    scene.membership.listed([A])
    with pytest.raises(BadRequest, match="give drain, resume, remove or readmit"):
        scene.membership.order("127.0.0.1:9091", "dance", "")


def test_who_joins_shows_the_key_of_its_identity(scene: Scene) -> None:
    scene.membership.check_join(join())
    with pytest.raises(Refused, match="the key is not that of"):
        scene.membership.check_join(join(key=bytes(KEY_BYTES).hex()))
    with pytest.raises(BadRequest, match="hexadecimal"):
        scene.membership.check_join(join(key="?"))
    with pytest.raises(BadRequest, match="control or slot"):
        scene.membership.check_join(join("side"))
    with pytest.raises(Refused, match="control connection first"):
        scene.membership.check_join(join("slot"))


def test_a_joined_node_that_was_removed_cannot_come_back_by_itself(scene: Scene) -> None:
    seen = NodeSeen(NODE, "", "", "joined", "removed", 0)
    scene.membership.recall([seen])
    with pytest.raises(Refused, match=f"{NODE} was removed; `client.py nodes resume {NODE}` takes it back"):
        scene.membership.check_join(join())
    scene.membership.order(NODE, "resume", "")
    scene.membership.check_join(join())


def test_what_is_remembered_is_what_people_decided_before_what_is_the_matter(scene: Scene) -> None:
    scene.membership.listed([A])
    scene.up("127.0.0.1:9091", "a")
    (member,) = scene.membership
    assert isinstance(seen := scene.change(member), NodeSeen)
    assert (seen.state, seen.source, seen.name) == ("ready", "listed", "a")
    scene.membership.order("a", "drain", "")
    assert isinstance(seen := scene.change(member), NodeSeen) and seen.state == "drained"
    scene.membership.order("a", "remove", "")
    assert isinstance(seen := scene.change(member), NodeSeen) and seen.state == "removed"
    scene.membership.listed([])
    assert scene.change(member) == NodeRemoved("127.0.0.1:9091")
    assert scene.changed.count("127.0.0.1:9091") >= 3


def test_what_was_remembered_holds_after_a_restart(scene: Scene) -> None:
    known = [
        NodeSeen("127.0.0.1:9091", "", "", "listed", "drained", 0),
        NodeSeen("127.0.0.1:9092", "", "", "listed", "removed", 0),
        NodeSeen("127.0.0.1:9093", "", "", "added", "lost", 0),
        NodeSeen("127.0.0.1:9094", "", "", "listed", "ready", 0),
    ]
    scene.membership.recall(known)
    scene.membership.listed([A, B])
    assert scene.states() == {
        "127.0.0.1:9091": "drained",
        "127.0.0.1:9092": "removed",
        "127.0.0.1:9093": "connecting",
    }


def test_what_a_node_had_done_before_a_restart_is_counted_on(scene: Scene) -> None:
    counts = TaskCounts(7, 2, 1)
    scene.membership.recall([NodeSeen(NODE, "", "", "joined", "ready", 0)])
    scene.handle(Recalled(NODE, counts=counts))
    (member,) = scene.membership
    for _ in range(2):  # before it has connected, and after
        assert isinstance(seen := scene.change(member), NodeSeen)
        assert (seen.done, seen.rejected, seen.failed) == counts
        scene.up(NODE)
