"""Attempts that ended without a result, told with all that explains them."""

from __future__ import annotations

from coordinator.core.events import Note, SetBack
from coordinator.core.model import Task, Work


def set_back(work: Work, task: Task, cause: str, message: str, *, rejected: bool = False) -> SetBack:
    """The live attempt of the task ended so; `cause` is the code of the failure or of the rejection."""
    assert task.attempt is not None
    scores = task.scores or work.scores.get(task.spec.order[0])
    return SetBack(task.attempt, task.spec, cause, message, rejected=rejected, scores=scores)


def note_of(kind: str, message: str, task: Task, node_id: str) -> Note:
    """What happened to a task on a node, as whoever watches is told."""
    return Note(kind, message, task.spec.work_id, node_id, *task.spec.order)
