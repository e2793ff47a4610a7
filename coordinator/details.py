"""All that is known of one piece of work: as it stands now, or as it is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from coordinator.core.arrays import ScriptArray
from coordinator.core.model import WorkState
from coordinator.core.training import TrainingRun
from coordinator.remembering import stored_detail, stored_row
from coordinator.runtime import Runtime
from coordinator.store.reading import Reader
from coordinator.store.rows import StoredWork
from coordinator.views import shown_row, work_detail
from rpc.aside import Aside
from rpc.messages import JobDetail, WorkDetail
from rpc.server import Caller, Later

_FAILURES = 5  # that are shown of an array


class Details:
    """Answers on the loop's thread; the store is read on those of `questions`."""

    def __init__(self, runtime: Runtime, questions: Aside, stored: Callable[[str], StoredWork]) -> None:
        """`stored` gives a work of before this start, and is called on a thread."""
        self._runtime = runtime
        self._questions = questions
        self._stored = stored

    def of(self, work_id: str, *, after: int = 0) -> WorkDetail | Later:
        """Of the rounds of a run those after this one."""
        runtime = self._runtime
        work, desk, reader = runtime.dispatcher.work.get(work_id), runtime.desk, runtime.reader
        if work is None and runtime.arrays.is_coming(work_id):
            return runtime.arrays.when_here(lambda: self.of(work_id, after=after))
        if work is not None and isinstance(work.workload, TrainingRun):
            traffic = runtime.traffic.of(work_id)
            return work_detail(runtime.dispatcher, work, runtime.clock, traffic, after=after)
        if work is not None and isinstance(work.workload, ScriptArray):
            row = shown_row(runtime.dispatcher, work, runtime.clock)
            detail = WorkDetail(row, job=JobDetail(work.workload.spec))
            return self._questions.later(lambda: _with_failures(detail, reader))
        if work is not None and desk.is_open(work_id):
            row = shown_row(runtime.dispatcher, work, runtime.clock)
            return desk.with_lines(desk.detail(work_id), work_id).turned(lambda job: WorkDetail(row, job=job))
        return self._questions.later(
            lambda: _with_failures(stored_detail(self._stored(work_id), reader, after=after), reader)
        )


class DetailCalls:
    """What the calls about one piece of work do: a part of the coordinator's handler."""

    def __init__(self, details: Details) -> None:
        self._details = details

    def get_work(self, caller: Caller, id: str) -> WorkDetail | Later:
        return self._details.of(id)

    def get_work_since(self, caller: Caller, id: str, round: int) -> WorkDetail | Later:
        return self._details.of(id, after=round)


def _with_failures(detail: WorkDetail, reader: Reader) -> WorkDetail:
    """The same with the first of an array's jobs that failed; on a thread."""
    if not detail.row.members.get("failed"):
        return detail
    failures = reader.members(detail.row.id, WorkState.FAILED, limit=_FAILURES)
    return replace(detail, failures=tuple(map(stored_row, failures)))
