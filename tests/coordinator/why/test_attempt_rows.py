"""The attempts of a run, round by round: those that were set back, those that gave an update, those under way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coordinator.attempt_rows import attempt_rows, open_tasks
from coordinator.core.events import Broke, Reported
from coordinator.core.updates import Update, updates_to_json
from coordinator.store.changes import RoundDone
from coordinator.views import Clock
from rpc.errors import FailureKind, NotFound
from rpc.messages import AttemptRow, RoundRow
from tests.coordinator.why.scene import Scene

SceneWith = Callable[..., Scene]
CLOCK = Clock(0.0, lambda: 2.0)


def test_what_failed_and_what_is_under_way_is_told_with_where_and_why(scene_with: SceneWith) -> None:
    scene = scene_with("a", "b")
    work = scene.submit("run-1")
    attempt = work.tasks["run-1/0/0"].attempt
    assert attempt is not None
    scene.handle(Reported(attempt, Broke(FailureKind.TIMEOUT, "no answer in 3 s")), now=1.0)
    failed, waiting, placed = attempt_rows("run-1", (0, 9), open_tasks(work, CLOCK), scene.reader)
    assert (failed.task, failed.node, failed.state, failed.cause) == ("run-1/0/0", "a", "failed", "timeout")
    assert failed.message == "no answer in 3 s"
    assert (waiting.task, waiting.state, waiting.tries) == ("run-1/0/0", "delayed", 1)
    assert (placed.task, placed.state, placed.node, placed.tries) == ("run-1/0/1", "placed", "b", 1)


def test_a_round_tells_who_gave_what_which_came_last_and_which_too_late(scene_with: SceneWith) -> None:
    scene = scene_with("a")
    scene.submit("run-1", 3)
    updates = updates_to_json({0: Update(1, "a"), 1: Update(2, "b")}, lambda node: "")
    story = {"critical": [1, "b", 0.5, 0.25, 1.0, 0.25], "left_out": [2]}
    scene.remember(*(RoundDone("run-1", RoundRow(number), {**story, "updates": updates}) for number in (1, 2, 3)))
    rows = attempt_rows("run-1", (2, 2), (), scene.reader)
    assert rows == (
        AttemptRow("run-1/2/0", 2, 0, "a", "done"),
        AttemptRow("run-1/2/1", 2, 1, "b", "done", is_last=True, wait_s=0.5, work_s=1.5),
        AttemptRow("run-1/2/2", 2, 2, "", "left out"),
    )


def test_a_work_that_nobody_knows_has_no_attempts(scene_with: SceneWith) -> None:
    with pytest.raises(NotFound, match="run-9"):
        attempt_rows("run-9", (0, 1), (), scene_with().reader)
