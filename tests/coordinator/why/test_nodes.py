"""Why a node is used, or is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coordinator.core.events import Broke, NodeDown, NodeOrder, Ordered, Reported
from coordinator.why.nodes import why_node
from coordinator.why.now import NodeNow
from rpc.errors import FailureKind
from rpc.messages import NodeRow
from tests.coordinator.why.scene import Scene, texts

SceneWith = Callable[..., Scene]


def test_a_node_in_quarantine_says_what_failed_there_and_until_when(scene_with: SceneWith) -> None:
    scene = scene_with("a")
    work = scene.submit("run-1", 1)
    attempt = work.tasks["run-1/0/0"].attempt
    assert attempt is not None
    scene.handle(Reported(attempt, Broke(FailureKind.BAD_UPDATE, "it holds NaN")), now=1.0)
    row = NodeRow("a", "", "quarantined", 1, 0, failed=1, reason="it holds NaN; tried again in 30 s", until_ms=31_000)
    why = why_node(NodeNow(row, ()), scene.reader, now_ms=11_000)
    assert why.answer == "a gets nothing for a while: it failed again and again."
    assert texts(why, "node") == ["it holds NaN; tried again in 30 s", "its quarantine ends in 20.0 s"]
    assert why.reasons[0].advice == "see its log; `client.py nodes readmit a` ends the quarantine"
    assert texts(why, "retry") == ["task run-1/0/0 failed (bad_update): it holds NaN"]


@pytest.mark.parametrize(
    ("event", "state", "told"),
    [
        (Ordered("a", NodeOrder.DRAIN, "a new disk"), "drained", "drained: a new disk"),
        (NodeDown("a", 1, "no heartbeat for 10 s"), "lost", "node lost: no heartbeat for 10 s"),
    ],
)
def test_what_brought_a_state_about_is_remembered(
    scene_with: SceneWith, event: Ordered | NodeDown, state: str, told: str
) -> None:
    scene = scene_with("a")
    scene.handle(event)
    why = why_node(NodeNow(NodeRow("a", "", state), ()), scene.reader, now_ms=0)
    assert why.reasons[0].text == told and why.reasons[0].at_ms and why.reasons[0].advice


def test_a_node_at_work_says_on_what(scene_with: SceneWith) -> None:
    scene = scene_with("a")
    why = why_node(NodeNow(NodeRow("a", "", "ready", 2, 1, 7), ("run-1/2/3",)), scene.reader, now_ms=0)
    assert why.answer == "a gets tasks."
    assert texts(why, "tasks") == ["1 of 2 slots in use, now: run-1/2/3", "7 tasks done, 0 rejected, 0 failed"]
