"""What of script jobs is remembered, in the store's terms, and how jobs are made from it again."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from coordinator.array_rows import Members, open_array
from coordinator.core.arrays import ScriptArray
from coordinator.core.events import Submitted
from coordinator.core.model import Work
from coordinator.core.saved import Past
from coordinator.core.scripting import ScriptJob
from coordinator.core.verdicts import failures_of
from coordinator.core.workload import Before
from coordinator.recorder import Recorder
from coordinator.store.changes import BlobNamed, Change, WorkEnded, WorkProgressed, WorkSubmitted
from coordinator.store.reading import Reader
from coordinator.store.rows import StoredWork
from coordinator.views import Clock
from rpc.codec import from_bytes, to_bytes
from rpc.errors import FailureKind
from rpc.messages import DataFile, JobDetail, Metric, ScriptSpec


@dataclass(frozen=True, slots=True)
class KnownJob:
    """What was known of a job before this start.

    Attributes:
        before: that a node had it, if one did.
        n_metrics: how many numbers it had told, up to the step `last_step` and the offset `log_end` of its log.
    """

    detail: JobDetail
    before: Before | None = None
    n_metrics: int = 0
    last_step: int = 0
    log_end: int = 0


_MOST = 10_000  # metrics in one answer
_ELSEWHERE = ScriptSpec("", DataFile("", "", 0))
# Of the detail of a work: what is known of a job, encoded, and what counts against it, by the code of its kind.
_DETAIL, _FAILURES = "job", "failures"


class JobRows:
    """Everything is called on the loop's thread, and committed behind it."""

    def __init__(self, recorder: Recorder, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock

    def submitted(self, job: ScriptJob, at_ms: int, done: Callable[[bool], None]) -> None:
        """A job was handed in; it may begin once this is committed. `done` is told whether its key was used before."""
        spec = job.spec
        change = WorkSubmitted(
            job.id,
            job.kind,
            job.name,
            to_bytes(spec),
            at_ms,
            owner=spec.owner,
            key=spec.key,
            priority=spec.priority,
            select=spec.select,
            tasks_total=job.tasks_total,
            blobs={"bundle": spec.bundle.blob, **{f"data/{file.file}": file.blob for file in spec.datasets}},
            after=tuple(each.work_id for each in job.claim.after),
        )
        self._recorder.add(change, done=lambda late: done(change in late), at_once=True)

    def placed(self, work: Work, detail: JobDetail, done: Callable[[], None]) -> None:
        """A node is going to run it: once this is committed no restart gives it to another one that soon."""
        self._recorder.add(_progress(work, detail), done=lambda late: done(), at_once=True)

    def noted(self, work: Work, detail: JobDetail) -> None:
        """Its node has begun with it, or could not go on: a restart counts that, too."""
        self._recorder.add(_progress(work, detail))

    def ended(self, work: Work, detail: JobDetail, done: Callable[[], None]) -> None:
        """It is over; clients may be told once this is committed."""
        changes: list[Change] = [BlobNamed(work.id, f"out/{file.file}", file.blob) for file in detail.artifacts]
        changes += [
            _progress(work, detail),
            WorkEnded(work.id, work.state, self._clock.ms(work.ended_at), work.reason, work.failure),
        ]
        self._recorder.add(*changes, done=lambda late: done(), at_once=True)

    def open_jobs(self, reader: Reader, lease_s: float) -> Iterator[tuple[Submitted, KnownJob | None]]:
        """The jobs and arrays to go on with, in the order of submission, with what is known of each job."""
        members: dict[str, Members] = {}
        for found in reader.open_work():
            if found.work.kind == ScriptArray.kind:
                members[found.work.id] = Members(found.work.id, from_bytes(ScriptSpec, found.spec))
                yield open_array(found, self._clock, reader), None
            elif found.work.kind == ScriptJob.kind:
                work = found.work
                array = members.get(work.array_id)
                spec = array.spec(work.array_index) if array is not None else from_bytes(ScriptSpec, found.spec)
                detail = replace(stored_job(work) or JobDetail(spec), spec=spec)
                before = Before(detail.node, bool(detail.phase), _failures(work)) if detail.node else None
                job = ScriptJob(work.id, spec, lease_s=lease_s, before=before, array=work.array_id)
                at, started_ms = self._clock.monotonic(work.submitted_ms), work.started_ms
                started_at = self._clock.monotonic(started_ms) if started_ms else None
                past = Past(retries=max(0, detail.attempts - 1), started_at=started_at)
                told = reader.metrics(job.id) if detail.node else ()
                last_step = max((each.step for each in told), default=0)
                log_end = max((each.log_end for each in told), default=0)
                yield Submitted(job, at, past, found.ends), KnownJob(detail, before, len(told), last_step, log_end)


def stored_job(work: StoredWork) -> JobDetail | None:
    """What the store has of a job: nothing before a node got it, or its end."""
    text = work.detail.get(_DETAIL)
    return from_bytes(JobDetail, base64.b64decode(text)) if text else None


def job_detail(work: StoredWork, reader: Reader) -> JobDetail | None:
    """The same with what a member has of its array; of an array its settings; on a thread."""
    known = stored_job(work)
    holder = work.id if work.kind == ScriptArray.kind else work.array_id
    text = reader.spec(holder) if holder else None
    if text is None:
        return known
    spec = from_bytes(ScriptSpec, text)
    if work.array_id:
        spec = Members(work.array_id, spec).spec(work.array_index)
    return replace(known or JobDetail(spec), spec=spec)


def metrics(reader: Reader, job_id: str, after: int, limit: int) -> tuple[Metric, ...]:
    """What a job told of itself, numbered in the order in which it came, after a number; on a thread."""
    found = reader.metrics(job_id, after=max(0, after), limit=min(max(0, limit), _MOST))
    return tuple(
        Metric(max(0, after) + number, each.name, each.step, each.value, each.at_ms)
        for number, each in enumerate(found, 1)
    )


def _failures(work: StoredWork) -> dict[FailureKind, int]:
    stored: Mapping[str, int] = work.detail.get(_FAILURES, {})
    return {FailureKind[code.upper()]: times for code, times in stored.items()}


def _progress(work: Work, detail: JobDetail) -> WorkProgressed:
    if work.claim.array:  # which has the spec of all of them
        detail = replace(detail, spec=_ELSEWHERE)
    text = base64.b64encode(to_bytes(detail)).decode()
    failures = {kind.code: times for kind, times in failures_of(work).items()}
    stored = {_DETAIL: text, _FAILURES: failures} if failures else {_DETAIL: text}
    return WorkProgressed(work.id, 0, 0, work.tasks_done, 1, None, stored)
