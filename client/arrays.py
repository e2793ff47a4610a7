"""Arrays of script jobs: how many of their jobs are in which state, their end, and those to be done once more."""

from __future__ import annotations

import sys
from dataclasses import replace

from client.following import remark
from client.jobs import ARRAY, Job, anew, job_of, submit_script
from client.link import Link
from client.results import COMPLETED, failure_of, seconds_of
from client.status import members_line
from client.times import took
from client.work_pages import newest_work
from rpc.array_ranges import MOST_MEMBERS, array_range, array_text
from rpc.errors import BadRequest
from rpc.messages import WorkDetail, WorkFilter, WorkRow
from rpc.plain_text import plain

_FIRST, _LAST, _COUNT = "ROUNDHOUSE_ARRAY_FIRST", "ROUNDHOUSE_ARRAY_LAST", "ROUNDHOUSE_ARRAY_COUNT"


def check_single(row: WorkRow) -> str:
    """Return the id of a job; BadRequest for an array, of which one job must be named."""
    if row.kind == ARRAY:
        raise BadRequest(f"{row.id} is an array of jobs; name one of them, as in `{row.id}/1`")
    return row.id


def check_array(row: WorkRow) -> str:
    """Return the id of an array; BadRequest for a single job."""
    if row.kind == ARRAY:
        return row.id
    whose = f"one of the array {row.array_id}" if row.array_id else "a job of its own"
    raise BadRequest(f"{row.id} is no array but {whose}; `client.py jobs list` shows which are arrays")


def see_array_end(array: Job, *, quiet: bool = False) -> WorkDetail:
    """Return the array when all of its jobs have ended; tell meanwhile how far they are.

    Raises:
        RunFailed: not all of them completed; says how many, and why the first did not.
    """
    told = ""
    for news in array:
        line = members_line(news.row.members)
        if line != told and not quiet:
            told = line
            waits = f"; waiting for {news.row.waiting_for}" if news.row.waiting_for else ""
            print(plain(f"{array.id}: {line}{waits}"), file=sys.stderr, flush=True)
    return array.detail()


def tell_array_end(detail: WorkDetail) -> None:
    """Say how an array has ended.

    Raises:
        RunFailed: not all of its jobs completed.
    """
    row = detail.row
    if row.state != COMPLETED:
        raise failure_of(row)
    remark(f"{row.id}: all {row.tasks_total:,} jobs completed after {took(seconds_of(row))}")


def retry_failed(link: Link, detail: WorkDetail, key: str = "") -> Job:
    """Submit the jobs of an array anew that failed: they find in their environment what they found before.

    Raises:
        BadRequest: none has failed.
    """
    row, spec = detail.row, job_of(detail).spec
    wanted = WorkFilter(("failed",), array_id=row.id)
    indexes = sorted(each.array_index for each in newest_work(link, MOST_MEMBERS, wanted))
    if not indexes:
        raise BadRequest(f"no job of {row.id} has failed: {members_line(row.members)}")
    whole = array_range(spec.array)
    about = {_FIRST: whole.indexes[0], _LAST: whole.indexes[-1], _COUNT: len(whole.indexes)}
    env = {name: str(number) for name, number in about.items()} | dict(spec.env)
    return submit_script(link, replace(anew(spec, key), env=env, array=array_text(indexes, whole.at_once)))
