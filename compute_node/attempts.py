"""The training tasks of this node: admitted, delayed by the coin, run on a slot, cancelled, answered."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from compute_node.admission import Admission
from compute_node.coordinators import Belongings
from compute_node.results import Key, key_of
from compute_node.training import ShardWorker
from rpc.aside import Aside, outcome_of
from rpc.errors import BadUpdate, Cancelled, MissingBlob, Stale, TrainerError
from rpc.loop import Loop, Timer
from rpc.messages import TrainResult, TrainTask
from rpc.server import Later

logger = logging.getLogger(__name__)

_QUICK_S = 0.0003  # a task below it keeps the loop hardly longer than handing it to a thread and taking it back
_MOST_QUICK = 10_000  # shards that are known to be so


@dataclass(eq=False, slots=True)
class Attempt:
    """One try of a task; an orphan once the connection that asked for it has ended.

    Attributes:
        asker: the connection that waits for it, and will fetch a delta that stays here; None: an orphan.
        here: where its model is and its result stays.
        end: of an orphan that nobody claims.
        has_slot: it counts as running.
    """

    task: TrainTask
    key: Key
    asker: object
    here: Belongings
    reply: Later = field(default_factory=Later)
    delay: Timer | None = None
    end: Timer | None = None
    is_cancelled: bool = False
    has_slot: bool = True

    def check(self) -> None:
        """Raise Cancelled once it is. For any thread."""
        if self.is_cancelled:
            raise self.cancelled()

    def cancelled(self) -> Cancelled:
        return Cancelled(f"attempt {self.task.attempt} was cancelled")


class Attempts:
    """What runs here, or waits out a delay. All methods run on the loop's thread."""

    def __init__(self, loop: Loop, slots: Aside, admission: Admission, worker: ShardWorker, *, grace_s: float) -> None:
        self._loop = loop
        self._slots = slots
        self._admission = admission
        self._worker = worker
        self._grace_s = grace_s
        self._here: dict[Attempt, None] = {}  # in the order of their starts
        self._quick: set[tuple[str, int]] = set()  # (run, shard) of what was over in no time

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(attempt.task.attempt for attempt in self._here)

    def places(self, here: Belongings) -> list[str]:
        """The tasks of a coordinator that run here."""
        return [attempt.key.place for attempt in self._here if attempt.here is here and not attempt.is_cancelled]

    def start(self, task: TrainTask, asker: object, here: Belongings, *, policy: str) -> Later | TrainResult:
        """Return the result if it is here, join the task if it runs; else train, maybe after the coin's delay.

        Raises:
            TaskRejected: by the coin, or because every slot is in use.
            Stale: a later attempt of the task came first, as on another connection it may.
        """
        here.results.committed(task.run, task.committed_round)
        key = key_of(task)
        known = here.results.answer(key, task, asker)
        if known is not None:
            logger.info("task %s: its result was kept (round %d, %s)", task.attempt, task.round, task.file)
            return known
        running = self._running(key, here)
        if running is not None:
            if task.fence < running.task.fence:
                raise Stale(f"{running.task.attempt} has come already, which is later than {task.attempt}")
            return self._join(running, task, asker)
        if self._admission.is_full:
            self._make_room()
        wait_s = self._admission.enter(policy)
        attempt = Attempt(task, key, asker, here)
        self._here[attempt] = None
        logger.info("task %s: started (round %d, %s)", task.attempt, task.round, task.file)
        if wait_s:
            attempt.delay = self._loop.call_later(wait_s, lambda: self._run(attempt))
        else:
            self._run(attempt)
        return attempt.reply

    def cancel(self, name: str) -> None:
        """Stop an attempt; harmless when it does not run here."""
        self._cancel([attempt for attempt in self._here if attempt.task.attempt == name])

    def orphan(self, asker: object) -> None:
        """The asker has gone: what runs for it goes on for a while, what is delayed does not begin."""
        for attempt in [attempt for attempt in self._here if attempt.asker is asker]:
            attempt.asker = None
            if attempt.delay is not None:
                self._cancel([attempt])
            else:
                attempt.end = self._loop.call_later(self._grace_s, partial(self._cancel, [attempt]))

    def end_orphans(self, here: Belongings, run: str) -> None:
        """The run is over: nobody will claim what still runs for it."""
        self._cancel([each for each in self._here if each.asker is None and each.here is here and each.key.run == run])

    def cancel_all(self) -> None:
        """Stop everything."""
        self._cancel(list(self._here))

    def _running(self, key: Key, here: Belongings) -> Attempt | None:
        for attempt in self._here:
            if attempt.key == key and attempt.here is here and not attempt.is_cancelled:
                return attempt
        return None

    def _join(self, attempt: Attempt, task: TrainTask, asker: object) -> Later:
        """Let the attempt go on as the one that this task asks for."""
        logger.info("task %s: goes on as %s", attempt.task.attempt, task.attempt)
        if attempt.end is not None:
            attempt.end.cancel()
        waiting, attempt.reply = attempt.reply, Later()
        # The worker may not have read yet what came with the first call. Views of it outlive a connection that is
        # closed, as nearly always here; on one that lives they last until its next call: the worker then sees damage.
        waiting.fail(Stale(f"{attempt.task.attempt} goes on as {task.attempt}"))
        attempt.task, attempt.asker = task, asker
        return attempt.reply

    def _make_room(self) -> None:
        """End the oldest orphan, if there is one; whoever comes instead starts after its present step."""
        for attempt in self._here:
            if attempt.asker is None and attempt.has_slot:
                self._cancel([attempt])
                self._leave(attempt)
                return

    def _cancel(self, attempts: Iterable[Attempt]) -> None:
        for attempt in attempts:
            attempt.is_cancelled = True  # one that runs ends at its next step
            if attempt.delay is not None:
                attempt.delay.cancel()
                self._finish(attempt, attempt.cancelled())

    def _run(self, attempt: Attempt) -> None:
        attempt.delay = None
        task = attempt.task
        try:
            model = attempt.here.models.model(task.model.name) if task.model.data is None else None
        except MissingBlob as error:
            self._finish(attempt, error)
            return
        work = partial(self._worker.train, task, model, attempt.check)
        if (task.run, task.shard) in self._quick:
            self._finish(attempt, outcome_of(work))
        else:
            self._slots.run(work, partial(self._finish, attempt))

    def _finish(self, attempt: Attempt, outcome: TrainResult | Exception) -> None:
        self._note_time(attempt.task, outcome)
        del self._here[attempt]
        self._leave(attempt)
        if attempt.end is not None:
            attempt.end.cancel()
        if isinstance(outcome, BadUpdate):
            attempt.here.models.forget(attempt.task.model.name)
        attempt.reply.settle(_kept(attempt, outcome))

    def _note_time(self, task: TrainTask, outcome: TrainResult | Exception) -> None:
        """Have the shard's next round trained on the loop itself if this one took no time."""
        shard = (task.run, task.shard)
        if isinstance(outcome, Exception) or outcome.compute_s > _QUICK_S:
            self._quick.discard(shard)
            return
        if len(self._quick) >= _MOST_QUICK:
            self._quick.clear()
        self._quick.add(shard)

    def _leave(self, attempt: Attempt) -> None:
        if attempt.has_slot:
            attempt.has_slot = False
            self._admission.leave()


def _kept(attempt: Attempt, outcome: TrainResult | Exception) -> TrainResult | Exception:
    """The outcome as the asker gets it; a result stays here."""
    if isinstance(outcome, Exception):
        return outcome
    task = attempt.task
    try:
        attempt.check()
        if outcome.attempt != task.attempt:
            outcome = replace(outcome, attempt=task.attempt, fence=task.fence)
        return attempt.here.results.keep(attempt.key, outcome, attempt.asker)
    except TrainerError as error:
        return error
