"""What clients hand in becomes work that cannot be lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from coordinator.array_rows import array_from
from coordinator.core.arrays import ScriptArray
from coordinator.core.events import Submitted
from coordinator.core.model import WorkState
from coordinator.core.saved import NO_PAST, Past, SavedRun
from coordinator.core.scripting import ScriptJob
from coordinator.core.training import TrainingRun
from coordinator.file_lists import with_shared_files
from coordinator.named_works import ids_of
from coordinator.open_works import OpenWorks
from coordinator.possible import check_possible, check_verifiable
from coordinator.runtime import Runtime
from coordinator.store.reading import Reader
from rpc.aside import Aside
from rpc.errors import BadRequest, NotFound, Refused, StoreDown, TooMany, TrainerError
from rpc.loop import Loop
from rpc.messages import RunSpec, ScriptSpec
from rpc.server import Later

Remember: TypeAlias = Callable[[int, Callable[[bool], None]], None]  # as of a time in ms; then told if it came too late

_AGAIN_S = 0.5  # until a store that was away is asked again
_STORE_PATIENCE_S = 3.0  # whoever submits hears then that the store is the one that is waited for

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Submissions:
    """Everything is called on the loop's thread; the store is read on that of `lookups`."""

    def __init__(self, runtime: Runtime, lookups: Aside, loop: Loop) -> None:
        self._runtime = runtime
        self._loop = loop
        self._lookups = lookups
        self._start = name_of_start(runtime.epoch)
        self._count = 0
        self._open = OpenWorks(runtime.config.quotas.open_works, runtime.dispatcher.open)

    def submit(self, spec: RunSpec, start: SavedRun | None = None) -> Later:
        """Start a run; answered with its id, which no other start gives, once it cannot be lost.

        While the store takes nothing it is answered with StoreDown: it may be submitted again, with the same key.
        A run that its owner submitted before with the same key is the one meant. Answered with Refused if no node that
        is known could ever do it, with BadRequest if the round that a branch begins with is not stored any more, with
        NotFound if the run that it goes on from was removed.

        Args:
            start: where a branch begins.
        """
        now, spec = time.monotonic(), with_shared_files(spec)
        run = TrainingRun(f"run-{self._start}-{self._count + 1}", spec, now, start)
        recorded = run.saved.recorded
        past = NO_PAST if recorded is None else Past(classes=(recorded.numeric_class,))
        gone = NotFound(f"{spec.parent} was removed a moment ago; nothing can go on from it")
        return self._submit(
            Submitted(run, now, past), lambda: self._check(run), partial(self._runtime.memory.submitted, run), gone
        )

    def submit_script(self, spec: ScriptSpec, owner: str | None = None) -> Later:
        """Start a script job; answered as `submit`, with NotFound or BadRequest if what it comes after is not known.

        With `owner` it can come after the works of that one alone.
        """
        if not spec.after:
            return self._submit_script(spec)
        answer, reader = Later(), self._runtime.reader

        def submit(after: tuple[str, ...] | None, error: Exception | None) -> None:
            if after is not None:
                answer.follow(self._submit_script(replace(spec, after=after)))
            elif isinstance(error, NotFound | BadRequest):
                unknown = error
                answer.follow(self._lookups.later(lambda: _earlier(spec.owner, spec.key, reader, unknown)))
            else:
                answer.fail(error or RuntimeError("no ids and no error"))

        self._lookups.later(lambda: ids_of(spec, reader, owner)).then(submit)
        return answer

    def _submit_script(self, spec: ScriptSpec) -> Later:
        runtime, name = self._runtime, f"job-{self._start}-{self._count + 1}"
        job: ScriptJob | ScriptArray
        if spec.array:
            job = array_from(name, spec)
            remember = partial(runtime.arrays.submitted, job)
        else:
            job = ScriptJob(name, spec, lease_s=runtime.config.job_lease_s)
            remember = partial(runtime.desk.rows.submitted, job)

        def check() -> None:
            if not spec.force_queue:
                check_possible(job.claim, runtime.membership, runtime.dispatcher.pool)

        lost = "the job with this key, or one that it comes after, was removed a moment ago; submit it again"
        gone = NotFound(lost)
        return self._submit(Submitted(job, time.monotonic()), check, remember, gone)

    def _submit(self, submitted: Submitted, check: Callable[[], None], remember: Remember, gone: NotFound) -> Later:
        """Have work begun once it is remembered; answered with its id, or that of the work that had its key before.

        Args:
            check: raises Refused if no node could do it.
            gone: the answer if the work that had its key is not there any more, or what it goes on from.
        """
        answer, runtime, work = Later(), self._runtime, submitted.workload
        owner, key = work.claim.owner, work.claim.key
        known = runtime.dispatcher.by_key.get((owner, key))
        if known is not None:
            answer.resolve(known)
            return answer
        try:
            check()
            self._open.admit(work)
        except (Refused, TooMany) as error:
            refused = error
            return self._lookups.later(lambda: _earlier(owner, key, runtime.reader, refused))
        self._count += 1

        def begin(is_late: bool) -> None:
            if is_late:  # the key was used before, at an earlier start or a moment ago
                self._open.settled(work)
                answer.follow(self._lookups.later(lambda: _earlier(owner, key, runtime.reader, gone)))
                return
            self._take_up(submitted, answer)

        try:
            remember(runtime.clock.ms(submitted.at), begin)
        except BadRequest as error:
            self._open.settled(work)
            answer.fail(error)
        self._await_store(answer)
        return answer

    def _take_up(self, submitted: Submitted, answer: Later) -> None:
        """Have work begun that is remembered, once it is known how those ended that it comes after."""
        runtime, work = self._runtime, submitted.workload
        others = [each.work_id for each in work.claim.after if each.work_id not in runtime.dispatcher.work]
        if all(submitted.ends.get(other, WorkState.PENDING).is_final for other in others):
            runtime.take_up(submitted)
            self._open.settled(work)
            if isinstance(work, ScriptArray) and submitted.at is not None:
                runtime.arrays.bring_members(work, submitted.at, runtime.config.job_lease_s)
            answer.resolve(work.id)
            return

        def read(found: Mapping[str, WorkState] | None, error: Exception | None) -> None:
            if found is None and not isinstance(error, StoreDown):
                self._open.settled(work)
                answer.fail(error or RuntimeError("no ends and no error"))
                return
            read_now = replace(submitted, ends=found or {})
            # Again where the store is away, or an end that nobody keeps in memory any more is on its way to it.
            again_s = 0.0 if found and all(found[other].is_final for other in others) else _AGAIN_S
            self._loop.call_later(again_s, lambda: self._take_up(read_now, answer))

        self._lookups.later(lambda: runtime.reader.ends(work.id)).then(read)

    def _await_store(self, answer: Later) -> None:
        """Say what a submission waits for if the store fails."""

        def look() -> None:
            if answer.answered:
                return
            if fault := self._runtime.store_fault:
                answer.fail(StoreDown(f"nothing can be submitted now: {fault}"))
            else:
                self._await_store(answer)

        self._loop.call_later(_STORE_PATIENCE_S, look)

    def _check(self, run: TrainingRun) -> None:
        """Raise Refused if no node could do the run, unless it is to be queued all the same."""
        runtime, recorded = self._runtime, run.saved.recorded
        if recorded is not None:
            check_verifiable(recorded, runtime.dispatcher.pool)
        elif not run.spec.force_queue:
            check_possible(run.claim, runtime.membership, runtime.dispatcher.pool)


def _earlier(owner: str, key: str, reader: Reader, otherwise: TrainerError) -> str:
    """The work that had the key of this one before, at another start or a moment ago; on a thread."""
    known = reader.work_by_key(owner, key)
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
