"""Drained and leaving nodes get nothing new; a pardon ends a quarantine."""

from __future__ import annotations

from random import Random

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import (
    Beat,
    Broke,
    Command,
    Declined,
    Event,
    NodeDown,
    NodeOrder,
    NodeUp,
    Note,
    Ordered,
    Reported,
    Start,
    Stop,
    Submitted,
)
from coordinator.core.model import NodeState, WorkState
from coordinator.core.policies import RoundRobin
from rpc.errors import FailureKind, RejectReason
from tests.coordinator.runs import node, run


class Scene:
    """A dispatcher with nodes of one slot each."""

    def __init__(self, *names: str) -> None:
        self.dispatcher = Dispatcher(RoundRobin(), Random(0))
        for name in names:
            self.handle(NodeUp(node(name), session=1))

    def handle(self, event: Event, now: float = 0.0) -> list[Command]:
        return self.dispatcher.handle(event, now)

    def placed(self, event: Event) -> list[str]:
        """The nodes that get a task because of the event."""
        return [each.attempt.node_id for each in self.handle(event) if isinstance(each, Start)]

    def state(self, name: str) -> NodeState:
        found = self.dispatcher.pool.current(name)
        assert found is not None
        return found.state


def notes(commands: list[Command]) -> list[tuple[str, str]]:
    return [(each.kind, each.node_id) for each in commands if isinstance(each, Note)]


def test_a_drained_node_finishes_what_runs_and_gets_nothing_new() -> None:
    scene = Scene("a")
    (start,) = [each for each in scene.handle(Submitted(run(2))) if isinstance(each, Start)]
    commands = scene.handle(Ordered("a", NodeOrder.DRAIN))
    assert not any(isinstance(each, Stop) for each in commands)
    assert notes(commands) == [("drained", "a")]
    assert scene.placed(Reported(start.attempt, Broke(FailureKind.MISSING_BLOB, "gone"))) == []
    assert scene.dispatcher.waiting_for(scene.dispatcher.work["r"]).endswith("are drained or leaving")
    assert scene.placed(Ordered("a", NodeOrder.RESUME)) == ["a"]


def test_a_node_can_be_drained_before_it_connects() -> None:
    scene = Scene()
    scene.handle(Ordered("a", NodeOrder.DRAIN))
    scene.handle(Submitted(run(1)))
    assert scene.placed(NodeUp(node("a"), session=1)) == []
    assert scene.placed(Ordered("a", NodeOrder.RESUME)) == ["a"]


def test_a_node_that_says_in_a_beat_that_it_leaves_gets_nothing_new_until_it_is_back() -> None:
    scene = Scene("a")
    scene.handle(Beat("a", 1, is_leaving=True))
    assert scene.placed(Submitted(run(1))) == []
    assert notes(scene.handle(NodeDown("a", 1, "closed"))) == [("node left", "a")]
    assert scene.placed(NodeUp(node("a"), session=2)) == ["a"]


def test_nodes_that_somebody_removes_speak_against_no_task() -> None:
    scene = Scene("a", "b", "c", "d")
    scene.handle(Submitted(run(1, max_node_losses=1)))
    for name in "abc":
        scene.handle(Ordered(name, NodeOrder.REMOVE, "it was removed"))
        assert notes(scene.handle(NodeDown(name, 1, "it was removed"))) == [("node left", name)]
    assert not scene.dispatcher.work["r"].state.is_final
    scene.handle(NodeDown("d", 1, "connection reset"))
    assert scene.dispatcher.work["r"].state is WorkState.FAILED, "this one was lost"


def test_a_node_that_is_taken_back_after_it_was_removed_gets_tasks_again() -> None:
    scene = Scene("a")
    scene.handle(Ordered("a", NodeOrder.REMOVE))
    scene.handle(NodeDown("a", 1, "it was removed"))
    scene.handle(Submitted(run(1)))
    assert scene.placed(NodeUp(node("a"), session=2)) == ["a"]


def test_a_node_that_declines_because_it_leaves_is_not_asked_for_every_task() -> None:
    scene = Scene("a")
    (start,) = [each for each in scene.handle(Submitted(run(5))) if isinstance(each, Start)]
    assert scene.placed(Reported(start.attempt, Declined(RejectReason.DRAINING))) == []
    assert scene.dispatcher.pool.free_slots == 0


def test_labels_that_come_with_a_beat_are_known() -> None:
    scene = Scene("a")
    scene.handle(Beat("a", 1, labels={"gpu": "H100"}))
    found = scene.dispatcher.pool.current("a")
    assert found is not None and found.labels == {"gpu": "H100"}


def test_a_quarantine_ends_when_somebody_says_so() -> None:
    scene = Scene("a")
    found = scene.dispatcher.pool.current("a")
    assert found is not None
    while not scene.dispatcher.pool.blame(found, "it fails", 0.0):
        pass
    assert scene.state("a") is NodeState.QUARANTINED
    assert notes(scene.handle(Ordered("a", NodeOrder.READMIT))) == [("readmitted", "a")]
    assert scene.state("a") is NodeState.READY
    assert notes(scene.handle(Ordered("a", NodeOrder.READMIT))) == [], "there is nothing to readmit"
    assert notes(scene.handle(Ordered("nobody", NodeOrder.READMIT))) == []
