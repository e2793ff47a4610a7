"""The open script jobs: where each runs, what it has told, and who waits for more of its log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from coordinator.attempts import Report, Stage
from coordinator.core.events import Broke, Note, Outcome, Start
from coordinator.core.model import Attempt, Work
from coordinator.core.scripting import ScriptJob
from coordinator.core.verdicts import failures_of
from coordinator.job_errand import NOT_WANTED, run_script
from coordinator.job_results import value_of
from coordinator.job_rows import JobRows, KnownJob
from coordinator.open_job import OpenJob
from coordinator.progress import Progress, missed
from coordinator.recorder import Recorder
from rpc.aside import Aside
from rpc.blobs import BlobFolder
from rpc.errors import BadRequest
from rpc.kept_log import KeptLog, Record, records_of
from rpc.loop import Loop
from rpc.messages import PART_BYTES, JobDetail, LogPage, ScriptNews, ScriptTask
from rpc.session import Later

logger = logging.getLogger(__name__)

LAST_LINES = 20
_TAIL_BYTES = 64 << 10
_MAX_WAIT_S = 60.0


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
        tell: Callable[[Note], None],
        accepted: Callable[[Attempt], None],
        release: Callable[[str], None],
    ) -> None:
        """`folder` is where the logs are; `tell` gets what there is to tell of jobs.

        Args:
            accepted: called with an attempt that its node has taken.
            release: called with a job that no node needs to keep anything of any more: its end is committed.
        """
        self.rows = rows
        self._loop = loop
        self._blobs = blobs
        self._folder = folder
        self._recorder = recorder
        self._stage = stage
        self._report = report
        self._tell = tell
        self._accepted = accepted
        self._release = release
        self._thread = Aside(loop, 1, "job logs")
        self._desks: dict[str, OpenJob] = {}

    def close(self) -> None:
        self._thread.close(1.0)

    def open(self, job: ScriptJob, known: KnownJob | None = None) -> None:
        """Make room for a job; `known` is what was known of it before this start."""
        found = known or KnownJob(JobDetail(job.spec))
        desk = OpenJob(job, self._folder / job.id, self._told, found.detail, Progress(found.n_metrics, found.last_step))
        desk.failures = found.before.failures if found.before is not None else {}
        self._desks[job.id] = desk
        if known is not None and known.detail.node:
            self._take_missed(desk, known.log_end)

    def start(self, command: Start, work: Work) -> None:
        """Run an attempt, once it is committed that its node has the job."""
        desk = self._desks[work.id]
        attempt, job, detail = command.attempt, desk.job, desk.detail
        failures = failures_of(work)
        may_go_on = attempt.node_id == detail.node and failures == desk.failures
        phase = detail.phase if may_go_on else ""
        desk.failures = failures
        desk.detail = replace(detail, node=attempt.node_id, phase=phase)
        self._tell(Note("placed", "", job.id, attempt.node_id))
        task = ScriptTask(attempt.id, attempt.fence, job.id, job.spec, job.spec.timeout_s, command.task.lease_s)

        def over(outcome: Outcome) -> None:
            is_start_over = isinstance(outcome, Broke) and outcome.is_over
            if is_start_over:
                desk.detail = replace(desk.detail, phase="")  # if it starts there again, that is another start
            self._report(attempt, outcome)
            if is_start_over and not work.state.is_final:  # nor was it lost, should this program end before that
                self.rows.noted(work, desk.detail)

        def placed() -> None:
            if not desk.is_wanted(attempt.id):
                self._report(attempt, NOT_WANTED)
                return
            errand = partial(
                run_script, task, desk, blobs=self._blobs, aside=self._thread.run, later=self._loop.call_later,
                node=attempt.node_id, taken=lambda: self._taken(desk, work, attempt),
            )  # fmt: skip
            stage = self._stage(attempt.node_id)
            stage.play(attempt.session, lambda cargo: errand(cargo=cargo), lambda outcome, *_: over(outcome))

        self.rows.placed(work, desk.detail, placed)

    def stopped(self, attempt: Attempt, *, preempts: bool) -> None:
        """An attempt is not wanted any more: it need not start; or is to end for the sake of others."""
        desk = self._desks.get(attempt.task_id.partition("/")[0])
        if desk is not None:
            (desk.preempted if preempts else desk.unwanted).add(attempt.id)

    def ended(self, work: Work, done: Callable[[], None]) -> None:
        """A job is over; `done` is called once that is committed."""

        def committed() -> None:
            done()
            desk = self._desks.pop(work.id, None)
            if desk is not None:
                self._wake(desk)
            self._release(work.id)

        desk = self._desks[work.id]
        result = desk.job.result

        def tail() -> JobDetail:
            log = desk.log()
            value = value_of(result.end, self._blobs) if result is not None else ""
            detail = replace(self.detail(work.id), last_lines=last_lines(log), log_bytes=log.end, phase="ended")
            return replace(detail, result=value)

        def told(detail: JobDetail | Exception) -> None:
            if isinstance(detail, Exception):
                logger.error("the log of %s cannot be read", work.id, exc_info=detail)
                detail = self.detail(work.id)
            if result is not None:
                detail = replace(
                    detail, status=result.end.status, artifacts=result.end.artifacts, usage=result.usage,
                    sandbox=result.sandbox or detail.sandbox,
                )  # fmt: skip
            desk.job.value = detail.result
            self.rows.ended(work, detail, committed)

        self._thread.run(tail, told)

    def detail(self, job_id: str) -> JobDetail:
        """What is known of an open job."""
        return self._desks[job_id].detail

    def is_open(self, job_id: str) -> bool:
        return job_id in self._desks

    def with_lines(self, detail: JobDetail, job_id: str) -> Later:
        """The same with the end of the log."""
        desk = self._desks.get(job_id)

        def tail() -> JobDetail:
            log = desk.log() if desk is not None else KeptLog(self._folder / job_id)
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

        def read(then: Callable[[LogPage | Exception], None]) -> None:
            is_over = job_id not in self._desks
            self._thread.run(lambda: _page(desk.log(), offset, limit, is_over=is_over), then)

        def read_at_last() -> None:
            read(answer.settle)

        def found(page: LogPage | Exception) -> None:
            """What came since the log was read is told after this: reading and writing are done in turn."""
            if wait_s <= 0.0 or isinstance(page, Exception) or page.log or page.is_whole:
                answer.settle(page)
            elif job_id not in self._desks:
                read_at_last()
            else:
                desk.waiting.append((read_at_last, timer))

        def time_over() -> None:
            desk.waiting = [each for each in desk.waiting if each[1] is not timer]
            read_at_last()

        timer = self._loop.call_later(min(max(wait_s, 0.0), _MAX_WAIT_S), time_over)
        read(found)
        return answer

    def remove(self, job_id: str) -> None:
        """Nobody can ask for this job, or array of jobs, any more."""

        def remove() -> None:
            KeptLog(self._folder / job_id).remove()
            for member in self._folder.glob(f"{job_id}-*"):
                KeptLog(member).remove()

        self._thread.run(remove, lambda _: None)

    def _taken(self, desk: OpenJob, work: Work, attempt: Attempt) -> None:
        """The node has it now, from this attempt on if it did not have it before."""
        if not desk.detail.phase:
            desk.detail = replace(desk.detail, phase="setup", attempts=desk.detail.attempts + 1)
            self.rows.noted(work, desk.detail)
        self._accepted(attempt)

    def _told(self, desk: OpenJob, news: ScriptNews) -> None:
        detail = desk.detail
        desk.detail = replace(
            detail, phase=news.phase, sandbox=news.sandbox, usage=news.usage, log_bytes=news.next_offset
        )
        desk.job.usage = news.usage
        if news.phase != detail.phase and news.phase == "running":
            self._tell(Note("started", f"in {news.sandbox}", desk.job.id, detail.node))
        self._measure(desk, records_of(bytes(news.log)), news.next_offset)
        if news.log:
            self._wake(desk)

    def _measure(self, desk: OpenJob, records: list[Record], log_end: int) -> None:
        """Remember the numbers that these records tell."""
        found = desk.progress.take(desk.job.id, records, log_end)
        if found:
            self._recorder.add(*found)

    def _take_missed(self, desk: OpenJob, known_to: int) -> None:
        """Remember what the log told before this start and was not committed; done before the job's next news are."""

        def read() -> tuple[list[Record], int]:
            log = desk.log()
            return missed(log, known_to), log.end

        def told(found: tuple[list[Record], int] | Exception) -> None:
            if isinstance(found, Exception):
                logger.error("the log of %s cannot be read", desk.job.id, exc_info=found)
            else:
                self._measure(desk, *found)

        self._thread.run(read, told)

    def _wake(self, desk: OpenJob) -> None:
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
