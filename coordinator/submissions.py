"""What clients hand in becomes work that cannot be lost."""

from __future__ import annotations

import time

from coordinator.core.events import Submitted
from coordinator.core.saved import NO_PAST, Past, SavedRun
from coordinator.core.scripting import ScriptJob
from coordinator.core.training import TrainingRun
from coordinator.file_lists import with_shared_files
from coordinator.possible import check_possible, check_verifiable
from coordinator.runtime import Runtime
from coordinator.store.reading import Reader
from rpc.aside import Aside
from rpc.errors import BadRequest, NotFound, Refused, TrainerError
from rpc.messages import RunSpec, ScriptSpec
from rpc.server import Later

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Submissions:
    """Everything is called on the loop's thread; the store is read on that of `lookups`."""

    def __init__(self, runtime: Runtime, lookups: Aside) -> None:
        self._runtime = runtime
        self._lookups = lookups
        self._start = name_of_start(runtime.epoch)
        self._count = 0

    def submit(self, spec: RunSpec, start: SavedRun | None = None) -> Later:
        """Start a run; answered with its id, which no other start gives, once it cannot be lost.

        A run that its owner submitted before with the same key is the one meant. Answered with Refused if no node that
        is known could ever do it, with BadRequest if the round that a branch begins with is not stored any more, with
        NotFound if the run that it goes on from was removed.

        Args:
            start: where a branch begins.
        """
        answer, runtime = Later(), self._runtime
        known = runtime.dispatcher.by_key.get((spec.owner, spec.key))
        if known is not None:
            answer.resolve(known)
            return answer
        now, spec = time.monotonic(), with_shared_files(spec)
        run = TrainingRun(f"run-{self._start}-{self._count + 1}", spec, now, start)
        try:
            self._check(run)
        except Refused as error:
            refused = error
            return self._lookups.later(lambda: _earlier(spec, runtime.reader, refused))
        self._count += 1

        def begin(is_late: bool) -> None:
            if is_late:  # the key was used before, at an earlier start or a moment ago
                gone = NotFound(f"{spec.parent} was removed a moment ago; nothing can go on from it")
                answer.follow(self._lookups.later(lambda: _earlier(spec, runtime.reader, gone)))
                return
            recorded = run.saved.recorded
            past = NO_PAST if recorded is None else Past(classes=(recorded.numeric_class,))
            runtime.take_up(Submitted(run, now, past))
            answer.resolve(run.id)

        try:
            runtime.memory.submitted(run, runtime.clock.ms(now), begin)
        except BadRequest as error:
            answer.fail(error)
        return answer

    def submit_script(self, spec: ScriptSpec) -> Later:
        """Start a script job; answered as `submit`."""
        answer, runtime = Later(), self._runtime
        known = runtime.dispatcher.by_key.get((spec.owner, spec.key))
        if known is not None:
            answer.resolve(known)
            return answer
        now = time.monotonic()
        job = ScriptJob(f"job-{self._start}-{self._count + 1}", spec, lease_s=runtime.job_lease_s)
        if not spec.force_queue:
            try:
                check_possible(job.claim, runtime.membership, runtime.dispatcher.pool)
            except Refused as error:
                refused = error
                return self._lookups.later(lambda: _earlier(spec, runtime.reader, refused))
        self._count += 1

        def begin(is_late: bool) -> None:
            if is_late:  # the key was used before, at an earlier start or a moment ago
                gone = NotFound("the job with this key was removed a moment ago; submit it again")
                answer.follow(self._lookups.later(lambda: _earlier(spec, runtime.reader, gone)))
                return
            runtime.take_up(Submitted(job, now))
            answer.resolve(job.id)

        runtime.desk.rows.submitted(job, runtime.clock.ms(now), begin)
        return answer

    def _check(self, run: TrainingRun) -> None:
        """Raise Refused if no node could do the run, unless it is to be queued all the same."""
        runtime, recorded = self._runtime, run.saved.recorded
        if recorded is not None:
            check_verifiable(recorded, runtime.dispatcher.pool)
        elif not run.spec.force_queue:
            check_possible(run.claim, runtime.membership, runtime.dispatcher.pool)


def _earlier(spec: RunSpec | ScriptSpec, reader: Reader, otherwise: TrainerError) -> str:
    """The work that had the key of this one before, at another start or a moment ago; on a thread."""
    known = reader.work_by_key(spec.owner, spec.key)
    if known is None:
        raise otherwise
    return known.id


def name_of_start(epoch: int) -> str:
    """A name for the epoch that no other one has: its digits in base 36, the last first.

    The first letters of an id then tell starts apart: people give ids by their beginning.
    """
    digits = ""
    while epoch:
        epoch, digit = divmod(epoch, len(_DIGITS))
        digits += _DIGITS[digit]
    return digits
