"""The training tasks of this node: admitted, delayed by the coin, run on a slot, cancelled, answered."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from compute_node.admission import Admission
from compute_node.training import ShardWorker
from compute_node.vectors import RoundVectors
from rpc.aside import Aside
from rpc.errors import BadUpdate, Cancelled, MissingBlob, TrainerError
from rpc.loop import Loop, Timer
from rpc.messages import PART_BYTES, TrainResult, TrainTask
from rpc.server import Later

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Attempt:
    """One try of a task.

    Attributes:
        asker: the connection that waits for it, and will fetch a delta that stays here.
        vectors: where its model is and its delta may stay.
    """

    task: TrainTask
    asker: object
    vectors: RoundVectors
    reply: Later
    delay: Timer | None = None
    is_cancelled: bool = False

    def check(self) -> None:
        """Raise Cancelled once it is. For any thread."""
        if self.is_cancelled:
            raise self.cancelled()

    def cancelled(self) -> Cancelled:
        return Cancelled(f"attempt {self.task.attempt} was cancelled")


class Attempts:
    """What runs here, or waits out a delay. All methods run on the loop's thread."""

    def __init__(self, loop: Loop, slots: Aside, admission: Admission, worker: ShardWorker) -> None:
        self._loop = loop
        self._slots = slots
        self._admission = admission
        self._worker = worker
        self._here: set[Attempt] = set()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(attempt.task.attempt for attempt in self._here)

    def start(self, task: TrainTask, asker: object, vectors: RoundVectors, *, policy: str) -> Later:
        """Train on a shard, at once or after the delay that the coin brings.

        Raises:
            TaskRejected: by the coin, or because every slot is in use.
        """
        wait_s = self._admission.enter(policy)
        attempt = Attempt(task, asker, vectors, Later())
        self._here.add(attempt)
        logger.info("task %s: started (round %d, %s)", task.attempt, task.round, task.file)
        if wait_s:
            attempt.delay = self._loop.call_later(wait_s, lambda: self._run(attempt))
        else:
            self._run(attempt)
        return attempt.reply

    def cancel(self, name: str) -> None:
        """Stop an attempt; harmless when it does not run here."""
        self._cancel([attempt for attempt in self._here if attempt.task.attempt == name])

    def cancel_of(self, asker: object) -> None:
        """Stop what nobody waits for any more."""
        self._cancel([attempt for attempt in self._here if attempt.asker is asker])

    def _cancel(self, attempts: list[Attempt]) -> None:
        for attempt in attempts:
            attempt.is_cancelled = True  # one that runs ends at its next step
            if attempt.delay is not None:
                attempt.delay.cancel()
                self._finish(attempt, attempt.cancelled())

    def _run(self, attempt: Attempt) -> None:
        attempt.delay = None
        task = attempt.task
        try:
            model = attempt.vectors.model(task.model.name) if task.model.data is None else None
        except MissingBlob as error:
            self._finish(attempt, error)
            return
        self._slots.run(
            lambda: self._worker.train(task, model, attempt.check), lambda outcome: self._finish(attempt, outcome)
        )

    def _finish(self, attempt: Attempt, outcome: TrainResult | Exception) -> None:
        self._here.discard(attempt)
        self._admission.leave()
        if isinstance(outcome, BadUpdate):
            attempt.vectors.forget(attempt.task.model.name)
        attempt.reply.settle(_with_delta_kept(attempt, outcome))


def _with_delta_kept(attempt: Attempt, outcome: TrainResult | Exception) -> TrainResult | Exception:
    """A delta above one part stays here and is named, if somebody will fetch it."""
    if isinstance(outcome, Exception):
        return outcome
    data = outcome.delta.data
    if data is None or memoryview(data).nbytes <= PART_BYTES:
        return outcome
    try:
        attempt.check()
        name = attempt.vectors.keep(attempt.task.attempt, data, attempt.asker)
    except TrainerError as error:
        return error
    return replace(outcome, delta=replace(outcome.delta, name=name, data=None))
