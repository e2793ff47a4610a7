"""A script job that somebody follows to its end: its log as it comes, then how it ended."""

from __future__ import annotations

import sys

from client.arrays import see_array_end, tell_array_end
from client.following import remark
from client.job_commands import job_as_json
from client.jobs import Job, job_of, result_of
from client.log_commands import record_as_json
from client.log_lines import pass_on, visible
from client.printing import print_json
from client.report import PlainReport
from client.results import COMPLETED
from client.status import count
from rpc.messages import WorkDetail


def see_it_end(job: Job, *, with_log: bool, as_json: bool) -> None:
    """Wait for the end of a job and tell of it, with its log or without.

    Raises:
        RunFailed: it failed or was cancelled; says why.
    """
    if with_log:
        _follow_log(job, as_json)
    report = PlainReport(sys.stderr)
    for news in job:
        report.on_news(news)
    detail = job.detail()
    if as_json:
        print_json(job_as_json(detail, job.metrics()), on_one_line=with_log)
    elif detail.row.state != COMPLETED and not with_log:
        for line in job_of(detail).last_lines:
            if line != detail.row.reason:  # which is told at the end
                print(visible(line), file=sys.stderr)
    _tell_end(detail, as_json)


def see_them_end(array: Job, *, as_json: bool, quiet: bool = False) -> None:
    """Wait for the end of an array, telling how far its jobs are, and tell of it.

    Raises:
        RunFailed: not all of them completed.
    """
    detail = see_array_end(array, quiet=quiet)
    if as_json:
        print_json(job_as_json(detail, ()))
        if detail.row.state == COMPLETED:
            return
    tell_array_end(detail)


def tell_it_goes_on(job: Job) -> None:
    """Say what an interrupt has left."""
    remark(f"{job.id} goes on; `client.py jobs cancel {job.id}` ends it")


def _follow_log(job: Job, as_json: bool) -> None:
    told = ""
    for part in job.log_parts(follow=True):
        for record in part.records:
            if as_json:
                print_json(record_as_json(record), on_one_line=True)
            else:
                pass_on(record)
        if not part.records and not part.is_whole:
            waiting_for = job.detail().row.waiting_for
            if waiting_for and waiting_for != told:
                told = waiting_for
                remark(f"{job.id} is waiting for {waiting_for}")


def _tell_end(detail: WorkDetail, as_json: bool) -> None:
    result = result_of(detail)
    if not as_json:
        n_left = len(result.artifacts)
        left = f"; `client.py artifacts {result.id}` tells of {count(n_left, 'file')} in out/" if n_left else ""
        remark(f"{result.id} completed after {result.seconds:.1f} s{left}")
