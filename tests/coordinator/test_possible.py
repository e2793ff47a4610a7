"""What no node that is known could ever do is refused; what one might do waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from coordinator.core.events import NodeDown, NodeOrder, NodeUp
from coordinator.core.node_facts import NodeInfo
from coordinator.core.updates import Update
from coordinator.core.verifying import Recorded
from coordinator.core.workload import Claim, ScriptNeeds
from coordinator.possible import check_possible, check_verifiable
from coordinator.store.changes import NodeSeen
from rpc.errors import Refused
from rpc.loop import Loop
from rpc.messages import JOB_CPUS, JOB_MEMORY, JOB_NETWORK, SCRIPTS
from tests.coordinator.test_membership import Scene

CLASSES = {"float32/1": "avx2"}
ID = "127.0.0.1:9091"


@pytest.fixture
def scene() -> Iterator[Scene]:
    loop = Loop()
    yield Scene(loop)
    loop.stop()
    loop.run()  # which releases what it holds


def check(scene: Scene, *, key: str = "float32/1", **select: str) -> None:
    check_possible(Claim(select=select, class_key=key), scene.membership, scene.dispatcher.pool)


def up(scene: Scene, labels: Mapping[str, str], classes: Mapping[str, str] = CLASSES) -> None:
    scene.membership.add(ID)
    scene.handle(NodeUp(NodeInfo(ID, numeric_classes=classes, labels=labels), session=1))


def test_a_run_that_the_one_node_cannot_do_is_refused_and_told_what_is_lacking(scene: Scene) -> None:
    up(scene, {"rack": "a"})
    check(scene, rack="a")
    with pytest.raises(Refused) as refused:
        check(scene, rack="b", gpu="H100")
    assert str(refused.value) == (
        "the one node that is known lacks what this needs: gpu=H100, rack=b, float32/1 (dtype/threads); "
        "`client.py nodes list` shows them, --force-queue waits for a node that has it"
    )


def test_threads_that_no_node_offers_are_refused(scene: Scene) -> None:
    up(scene, {})
    with pytest.raises(Refused, match="float32/64"):
        check(scene, key="float32/64")


def test_work_for_which_the_numeric_class_does_not_matter_needs_labels_alone(scene: Scene) -> None:
    up(scene, {"rack": "a"})
    check(scene, key="", rack="a")
    with pytest.raises(Refused, match="needs: rack=b; "):
        check(scene, key="", rack="b")


def test_while_no_node_is_known_a_run_waits(scene: Scene) -> None:
    check(scene, rack="b")
    up(scene, {})
    scene.membership.order(ID, "remove", "")
    check(scene, rack="b")


def test_a_node_that_has_never_been_reached_could_do_anything(scene: Scene) -> None:
    up(scene, {})
    scene.membership.add("127.0.0.1:9092")
    check(scene, rack="b")


def test_a_node_that_is_down_drained_or_in_quarantine_could_do_what_it_could_before(scene: Scene) -> None:
    up(scene, {"rack": "b"})
    scene.membership.order(ID, NodeOrder.DRAIN, "")
    scene.handle(NodeDown(ID, 1, "reset"))
    check(scene, rack="b")
    with pytest.raises(Refused, match="the one node that is known lacks"):
        check(scene, rack="c")


def test_what_a_node_told_before_a_restart_still_holds(scene: Scene) -> None:
    scene.membership.recall([NodeSeen(ID, "", ID, "added", "lost", 1, labels={"rack": "b"})])
    check(scene, rack="b", key="float64/8")
    with pytest.raises(Refused, match="rack=c"):
        check(scene, rack="c")


def test_a_node_whose_self_test_is_on_its_way_may_get_more_labels(scene: Scene) -> None:
    up(scene, {"rack": "a"}, classes={})
    check(scene, rack="b")


def test_a_run_is_verified_where_its_bits_are_made(scene: Scene) -> None:
    updates = {(1, 0): Update(7, "n")}
    up(scene, {})
    check_verifiable(Recorded("run-1", "avx2", updates, frozenset(updates)), scene.dispatcher.pool)
    with pytest.raises(Refused, match="run-1 ran in numeric class avx512, and no node of that class is connected"):
        check_verifiable(Recorded("run-1", "avx512", updates, frozenset(updates)), scene.dispatcher.pool)


@pytest.mark.parametrize(
    ("needs", "labels"),
    [
        (ScriptNeeds(network=True), {JOB_NETWORK: "full"}),
        (ScriptNeeds(memory_bytes=4 * 10**9), {JOB_MEMORY: "8000000000"}),
        (ScriptNeeds(cpus=1.5), {JOB_CPUS: "1.6"}),
        (ScriptNeeds(gpus=2), {"gpus": "2"}),
    ],
)
def test_what_a_nodes_owner_does_not_allow_is_refused(
    scene: Scene, needs: ScriptNeeds, labels: Mapping[str, str]
) -> None:
    node = NodeInfo(ID, numeric_classes=CLASSES, labels={SCRIPTS: "bwrap", **labels}, memory_bytes=16 * 10**9)
    scene.membership.add(ID)
    scene.handle(NodeUp(node, session=1))
    check_possible(Claim(script=needs), scene.membership, scene.dispatcher.pool)
    lacking = {JOB_NETWORK: "none", JOB_MEMORY: "1000000000", JOB_CPUS: "1", "gpus": "many"}
    scene.handle(NodeUp(replace(node, labels={SCRIPTS: "bwrap", **lacking}), session=2))
    with pytest.raises(Refused, match=r"a node that takes script jobs"):
        check_possible(Claim(script=needs), scene.membership, scene.dispatcher.pool)
