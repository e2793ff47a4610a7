"""A script job as a program sees it: its log, its metrics, its end, what it has left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from client.downloads import fetch_files
from client.job_log import LogPart, last_part, log_parts
from client.keys import given, new_key
from client.link import Link
from client.owners import owned
from client.results import COMPLETED, failure_of, seconds_of
from client.work import Work
from rpc.errors import NotFound, RunFailed
from rpc.kept_log import LEVELS, Record
from rpc.messages import DataFile, JobDetail, Metric, ScriptSpec, ScriptUsage, WorkDetail, WorkRow

SCRIPT, ARRAY = "script", "array"  # kinds of such work
_METRICS = 1000  # that one call brings
_NAMED = 10  # artifacts, where the one that is meant is not there


@dataclass(frozen=True)
class JobResult:
    """A completed job.

    Attributes:
        seconds: from its start to its end.
        node: that ran it; `sandbox`: the level that it ran in.
        artifacts: what it has left in `out/`: names, blobs, sizes in bytes.
        value: what it has written to `out/result.json`, if that is small; None: nothing.
    """

    id: str
    seconds: float
    node: str
    sandbox: str
    usage: ScriptUsage
    artifacts: tuple[DataFile, ...]
    value: Any = None


class Job(Work):
    """One script job, or an array of them. Iterating over it gives its news until it ends."""

    def wait(self, timeout_s: float | None = None) -> JobResult:
        """Return the result when the job has ended.

        Raises:
            RunFailed: it failed or was cancelled; says why.
            TimedOut: it has not ended within `timeout_s`; it goes on.
        """
        return result_of(self._at_its_end(timeout_s))

    def logs(self, *, offset: int = 0, follow: bool = False) -> Iterator[Record]:
        """Yield the lines of its log, with their time, stream and level.

        Args:
            offset: in bytes; a negative one counts from the end.
            follow: go on with what comes until the job is over.
        """
        for part in self.log_parts(offset=offset, follow=follow):
            yield from part.records

    def log_parts(self, *, offset: int = 0, follow: bool = False) -> Iterator[LogPart]:
        """As `logs`, in the parts in which it comes, each with the offset to go on from."""
        return log_parts(self._link, self.id, offset=offset, follow=follow)

    def last_part(self, n_records: int, levels: str = "".join(LEVELS)) -> LogPart:
        """Return the last lines of its log that have one of these levels, keys of rpc.kept_log.LEVELS."""
        return last_part(self._link, self.id, n_records, levels)

    def metrics(self) -> tuple[Metric, ...]:
        """Return what it has told of itself in lines `PROGRESS: {...}`, in order."""
        found: list[Metric] = []
        while True:
            after = found[-1].number if found else 0
            page: tuple[Metric, ...] = self._link.call_again("list_metrics", self.id, after, _METRICS)
            found += page
            if len(page) < _METRICS:
                return tuple(found)

    def artifacts(self) -> tuple[DataFile, ...]:
        """Return what it has left in `out/`, once it has ended."""
        return job_of(self.detail()).artifacts

    def fetch(self, folder: str | PathLike[str], names: Sequence[str] = (), *, force: bool = False) -> list[Path]:
        """Write artifacts, all or those with these names, into a folder, which is made if need be; return their files.

        Args:
            force: replace files that are there.

        Raises:
            NotFound: it has left nothing of that name.
            BadRequest: there is such a file already.
            BadData: a name leads out of the folder, or what arrived is not what the job has left.
        """
        return fetch_files(self._link, self._chosen(names), Path(folder), force=force)

    def spec(self) -> ScriptSpec:
        """Return what was asked for; whoever submits that again starts another job, unless it has a key."""
        spec = job_of(self.detail()).spec
        return replace(spec, key=given(spec.key))

    def retry(self, key: str = "") -> Job:
        """Submit the same anew (of an array all jobs); it begins whatever became of those that this one came after."""
        return submit_script(self._link, anew(self.spec(), key))

    def _chosen(self, names: Sequence[str]) -> Sequence[DataFile]:
        left = self.artifacts()
        known = {each.file: each for each in left}
        for name in names:
            if name not in known:
                shown = ", ".join(sorted(known)[:_NAMED]) or "nothing"
                raise NotFound(f"{self.id} has left no {name!r} in out/, but {shown}")
        return [known[name] for name in names] if names else left


def submit_script(link: Link, spec: ScriptSpec) -> Job:
    """Start a job whose files the coordinator holds; once, however often the answer is lost."""
    spec = owned(spec if spec.key else replace(spec, key=new_key()), link)
    return Job(link, link.call_again("submit_script", spec))


def anew(spec: ScriptSpec, key: str = "") -> ScriptSpec:
    """Return what to ask for to have the same job once more; it waits for no other one."""
    return replace(spec, key=key, owner="", force_queue=False, after=())


def job_of(detail: WorkDetail) -> JobDetail:
    """Return what is particular to a script job; work of another kind raises NotFound."""
    if detail.job is None:
        raise NotFound(f"{detail.row.id} is no script job but a {detail.row.kind}; see `client.py runs -h`")
    return detail.job


def result_of(detail: WorkDetail) -> JobResult:
    """Return the result of a job that has ended.

    Raises:
        RunFailed: it failed or was cancelled; says why.
    """
    row, job = detail.row, job_of(detail)
    if row.state != COMPLETED:
        raise _failure_of(row)
    return JobResult(row.id, seconds_of(row), job.node, job.sandbox, job.usage, job.artifacts, value_in(row))


def value_in(row: WorkRow) -> Any:
    """Return what the job gave as its result; None for nothing."""
    return json.loads(row.result) if row.result else None


def _failure_of(row: WorkRow) -> RunFailed:
    error = failure_of(row)
    if row.state != "failed":
        return error
    return RunFailed(f"{row.id} failed ({error.failure.code}): {row.reason or 'no reason'}", error.failure)
