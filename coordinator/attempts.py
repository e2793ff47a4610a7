"""What is done for attempts: the result comes from the memo if it is known, else a script is played on the node."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from coordinator.core.events import Delivered, Fetch, Outcome, Start
from coordinator.core.model import MEMO, Attempt, Work
from coordinator.core.training import TrainingRun
from coordinator.core.workload import ScriptPayload, Surveyed, SurveyPayload, Trained, TrainPayload
from coordinator.errands import Cargo, Errands
from coordinator.gate import check_shape, weigh
from coordinator.known import Known, recipe_of, update_key
from coordinator.memo import Memo
from coordinator.scripts import Script
from coordinator.traffic import Traffic
from coordinator.vectors import RunVectors
from rpc.blobs import BlobFolder
from rpc.errors import BadUpdate
from rpc.messages import TrainResult

logger = logging.getLogger(__name__)

Report = Callable[[Attempt, Outcome], None]


class Stage(Protocol):
    """Where a node's scripts are played."""

    def play(self, session: int, make: Callable[[Cargo], Script], done: Callable[[Outcome, int, int], None]) -> None:
        """Play what `make` makes on a free slot; `done` gets its outcome and the bytes sent and received."""


class Attempts:
    """Everything runs on the loop's thread.

    Attributes:
        traffic: the bytes sent to nodes and received.
    """

    def __init__(self, blobs: BlobFolder, memo: Memo, stage: Callable[[str], Stage], report: Report) -> None:
        """`stage` is asked for a node by its id; `report` is called with how an attempt ends, maybe at once."""
        self.traffic = Traffic()
        self._known = Known(memo)
        self._errands = Errands(blobs, self._known)
        self._stage = stage
        self._report = report

    def start(self, command: Start, work: Work, vectors: RunVectors) -> None:
        run = work.workload
        assert isinstance(run, TrainingRun)
        known = self._recall(command, work, vectors)
        if known is not None:
            self._report(command.attempt, known)
        elif isinstance(command.task.payload, SurveyPayload):
            self._play(command, lambda cargo: self._errands.survey(run, command, cargo))
        else:
            self._play(command, lambda cargo: self._errands.train(run, vectors, command, cargo))

    def fetch(self, command: Fetch, vectors: RunVectors) -> None:
        self._play(command, lambda cargo: self._errands.fetch(vectors, command.attempt, command.task))

    def forget(self, work_id: str) -> None:
        """Nobody can ask for this work any more."""
        self.traffic.forget(work_id)

    def _play(self, command: Start | Fetch, make: Callable[[Cargo], Script]) -> None:
        attempt, work_id = command.attempt, command.task.work_id

        def done(outcome: Outcome, sent: int, received: int) -> None:
            self.traffic.add(work_id, sent, received)
            self._report(attempt, outcome)

        self._stage(attempt.node_id).play(attempt.session, make, done)

    def _recall(self, command: Start, work: Work, vectors: RunVectors) -> Delivered | None:
        """Return the result of the task if it is known."""
        run, payload = work.workload, command.task.payload
        assert isinstance(run, TrainingRun) and not isinstance(payload, ScriptPayload)
        file = run.spec.shards[payload.shard]
        if isinstance(payload, SurveyPayload):
            summary = self._known.survey(file, run.spec.classes)
            return None if summary is None else Delivered("", Surveyed(summary), is_known=True)
        if work.numeric_class is None:
            return None  # what a task gives depends on its node
        vectors.recipe = vectors.recipe or recipe_of(payload.plan, work.numeric_class)
        key = update_key(vectors.recipe, vectors.wire[payload.round - 1], payload, file)
        update = None if payload.is_fresh else self._known.update(key, payload.plan)
        if update is None:
            return None
        try:
            return recalled(*update, payload, vectors, holder=f"{command.attempt.id}@{MEMO}")
        except BadUpdate as error:
            logger.warning("task %s: what is known of it cannot be used: %s", command.task.id, error)
            self._known.forget(key)
            return None


def recalled(result: TrainResult, node: str, payload: TrainPayload, vectors: RunVectors, *, holder: str) -> Delivered:
    """Take a known update of `node` through the gate, as if it had come from there, and hold it as `holder`.

    Raises:
        BadUpdate: its bits are not those that the node sent, or this run does not take it.
    """
    assert result.delta.data is not None
    check_shape(result, payload)
    delta = vectors.memory.take(result.delta.length, result.delta.dtype)
    weigh(delta, result.delta.data, result, payload)
    vectors.sums[holder] = delta
    trained = Trained(result.loss, result.epochs_run, digest=result.delta.digest, node=node)
    return Delivered(holder, trained, is_known=True)
