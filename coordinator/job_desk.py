"""The open script jobs: where each runs, what it has told, and who waits for more of its log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from coordinator.attempts import Report, Stage
from coordinator.core.events import Broke, Start
from coordinator.core.model import Attempt, Work
from coordinator.core.scripting import ScriptJob
from coordinator.job_errand import run_script
from coordinator.job_rows import JobRows
from coordinator.progress import Progress
from coordinator.recorder import Recorder
from rpc.aside import Aside
from rpc.blobs import BlobFolder
from rpc.errors import BadRequest, FailureKind
from rpc.kept_log import KeptLog, records_of
from rpc.loop import Loop, Timer
from rpc.messages import PART_BYTES, JobDetail, LogPage, ScriptNews, ScriptTask
from rpc.session import Later

logger = logging.getLogger(__name__)

LAST_LINES = 20
_TAIL_BYTES = 64 << 10
_MAX_WAIT_S = 60.0


@dataclass(eq=False, slots=True)
class _Desk:
    """What is known of one open job; see `coordinator.job_errand.Desk`."""

    job: ScriptJob
    log: KeptLog
    on_news: Callable[[_Desk, ScriptNews], None]
    progress: Progress = field(default_factory=Progress)
    detail: JobDetail | None = None
    unwanted: set[str] = field(default_factory=set)  # attempts that need not start any more
    attempt: str = ""
    waiting: list[tuple[Callable[[], None], Timer]] = field(default_factory=list)

    def end_of_log(self) -> int:
        return self.log.end

    def take(self, news: ScriptNews) -> None:
        self.log.append(bytes(news.log), at=news.start)

    def tell(self, news: ScriptNews) -> None:
        self.on_news(self, news)

    def is_wanted(self) -> bool:
        return self.attempt not in self.unwanted


class JobDesk:
    """Everything is called on the loop's thread; logs are read and written on one of their own."""

    def __init__(
        self,
        loop: Loop,
        blobs: BlobFolder,
        folder: Path,
        recorder: Recorder,
        rows: JobRows,
        *,
        stage: Callable[[str], Stage],
        report: Report,
    ) -> None:
        """`folder` is where the logs are."""
        self.rows = rows
        self._loop = loop
        self._blobs = blobs
        self._folder = folder
        self._recorder = recorder
        self._stage = stage
        self._report = report
        self._thread = Aside(loop, 1, "job logs")
        self._desks: dict[str, _Desk] = {}

    def close(self) -> None:
        self._thread.close(1.0)

    def open(self, job: ScriptJob, detail: JobDetail | None = None) -> None:
        """Make room for a job; `detail` is what was known of it before this start."""
        desk = _Desk(job, KeptLog(self._folder / job.id), self._told)
        desk.detail = detail or JobDetail(job.spec)
        self._desks[job.id] = desk

    def start(self, command: Start, work: Work) -> None:
        """Run an attempt, once it is committed that its node has the job."""
        desk = self._desks[work.id]
        attempt, job = command.attempt, desk.job
        desk.attempt = attempt.id
        assert desk.detail is not None
        desk.detail = replace(desk.detail, node=attempt.node_id, attempts=desk.detail.attempts + 1, phase="")
        task = ScriptTask(attempt.id, attempt.fence, job.id, job.spec, job.spec.timeout_s, command.task.lease_s)

        def placed() -> None:
            if not desk.is_wanted():
                self._report(attempt, Broke(FailureKind.CANCELLED, "it was not wanted any more"))
                return
            errand = partial(
                run_script, task, desk, blobs=self._blobs, aside=self._thread.run, later=self._loop.call_later,
                node=attempt.node_id,
            )  # fmt: skip
            stage = self._stage(attempt.node_id)
            stage.play(
                attempt.session, lambda cargo: errand(cargo=cargo), lambda outcome, *_: self._report(attempt, outcome)
            )

        self.rows.placed(work, desk.detail, placed)

    def stopped(self, attempt: Attempt) -> None:
        """An attempt is not wanted any more: it need not start."""
        desk = self._desks.get(attempt.task_id.partition("/")[0])
        if desk is not None:
            desk.unwanted.add(attempt.id)

    def ended(self, work: Work, done: Callable[[], None]) -> None:
        """A job is over; `done` is called once that is committed."""

        def committed() -> None:
            done()
            desk = self._desks.pop(work.id, None)
            if desk is not None:
                self._wake(desk)

        desk = self._desks[work.id]
        result = desk.job.result

        def tail() -> JobDetail:
            log = desk.log
            return replace(self.detail(work.id), last_lines=last_lines(log), log_bytes=log.end, phase="ended")

        def told(detail: JobDetail | Exception) -> None:
            if isinstance(detail, Exception):
                logger.error("the log of %s cannot be read", work.id, exc_info=detail)
                detail = self.detail(work.id)
            if result is not None:
                detail = replace(
                    detail, status=result.end.status, artifacts=result.end.artifacts, usage=result.usage,
                    sandbox=result.sandbox or detail.sandbox,
                )  # fmt: skip
            self.rows.ended(work, detail, committed)

        self._thread.run(tail, told)

    def detail(self, job_id: str) -> JobDetail:
        """What is known of an open job."""
        detail = self._desks[job_id].detail
        assert detail is not None
        return detail

    def is_open(self, job_id: str) -> bool:
        return job_id in self._desks

    def with_lines(self, detail: JobDetail, job_id: str) -> Later:
        """The same with the end of the log."""
        desk = self._desks.get(job_id)

        def tail() -> JobDetail:
            log = desk.log if desk is not None else KeptLog(self._folder / job_id)
            return replace(detail, last_lines=last_lines(log), log_bytes=log.end)

        return self._thread.later(tail)

    def page(self, job_id: str, offset: int, limit: int, wait_s: float) -> Later:
        """A piece of a log, when there is one, or the job is over, or the time is.

        Raises:
            BadRequest: the limit is none.
        """
        if not 1 <= limit <= PART_BYTES:
            raise BadRequest(f"limit must be from 1 to {PART_BYTES:,} bytes, not {limit}")
        desk = self._desks.get(job_id)
        if desk is None:
            return self._thread.later(lambda: _page(KeptLog(self._folder / job_id), offset, limit, is_over=True))
        answer = Later()

        def read() -> None:
            is_over = job_id not in self._desks
            self._thread.run(lambda: _page(desk.log, offset, limit, is_over=is_over), answer.settle)

        if offset < desk.log.end or wait_s <= 0.0:
            read()
            return answer

        def time_over() -> None:
            desk.waiting.remove(entry)
            read()

        entry = (read, self._loop.call_later(min(wait_s, _MAX_WAIT_S), time_over))
        desk.waiting.append(entry)
        return answer

    def remove(self, job_id: str) -> None:
        """Nobody can ask for this job any more."""
        self._thread.run(lambda: KeptLog(self._folder / job_id).remove(), lambda _: None)

    def _told(self, desk: _Desk, news: ScriptNews) -> None:
        assert desk.detail is not None
        desk.detail = replace(
            desk.detail, phase=news.phase, sandbox=news.sandbox, usage=news.usage, log_bytes=news.next_offset
        )
        found = desk.progress.take(desk.job.id, records_of(bytes(news.log)))
        if found:
            self._recorder.add(*found)
        if news.log:
            self._wake(desk)

    def _wake(self, desk: _Desk) -> None:
        waiting, desk.waiting = desk.waiting, []
        for read, timer in waiting:
            timer.cancel()
            read()


def last_lines(log: KeptLog) -> tuple[str, ...]:
    """The end of a log, as its job has said it."""
    records = records_of(log.read(-_TAIL_BYTES, _TAIL_BYTES).data)
    return tuple(record.text for record in records[-LAST_LINES:])


def _page(log: KeptLog, offset: int, limit: int, *, is_over: bool) -> LogPage:
    piece = log.read(offset, limit)
    return LogPage(piece.data, piece.start, piece.next, is_over and piece.next >= log.end)
