"""What is remembered of runs, and when."""

from __future__ import annotations

from coordinator.core.events import Note
from coordinator.core.model import Work, WorkState
from coordinator.core.owners import Owners
from coordinator.remembering import tells_end
from tests.coordinator.runs import run


def test_the_end_of_a_run_is_not_that_of_the_attempt_that_ended_it() -> None:
    work = Work(run(), submitted_at=0.0, number=1, owner=Owners({}).joins(""))
    work.become(WorkState.RUNNING, 1.0)
    end, attempt = Note("failed", "diverged", "r"), Note("failed", "diverged", "r", node_id="a", round=1, shard=0)
    assert not tells_end(end, work)
    work.become(WorkState.FAILED, 2.0)
    assert tells_end(end, work) and not tells_end(attempt, work)
    assert not tells_end(Note("cancelled", "", "r"), work)
