"""Jobs that come after others, asked of a whole coordinator without nodes: nothing that is submitted begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.api import Session
from client.jobs import Job
from rpc.errors import BadRequest, NotFound
from tests.coordinator.test_listing import serving, session, submit

__all__ = ["session"]


def script(session: Session, *after: str, key: str = "") -> Job:
    return session.submit_script(code="1", after=after, key=key)


def test_what_a_job_comes_after_is_named_by_id_beginning_key_or_latest(session: Session) -> None:
    first = script(session, key="monday")
    (run,) = submit(session, 1)
    job = script(session, first.id, "monday:any", "latest:ok", f"{run}:any")
    assert job.spec().after == (first.id, f"{run}:any")
    assert job.detail().row.waiting_for == f"{first.id} to complete and {run} to end"
    assert session.why("job", job.id).answer.startswith(f"{job.id} is pending: it waits for {first.id} to complete")


def test_a_name_of_nothing_is_refused_with_one_that_is_like_it(session: Session) -> None:
    script(session, key="monday")
    with pytest.raises(NotFound, match=r"no run or job is called 'mondag', .*do you mean monday\?"):
        script(session, "mondag")


def test_a_word_that_is_not_known_after_the_colon_is_told(session: Session) -> None:
    first = script(session)
    with pytest.raises(NotFound, match=f"if {first.id} is meant, after it comes :ok or :any, not :bad"):
        script(session, f"{first.id}:bad")
    with pytest.raises(NotFound, match=f"if {first.id} is meant, one of :ok and :any is enough"):
        script(session, f"{first.id}:any:ok")


def test_the_jobs_of_what_is_no_array_are_refused(session: Session) -> None:
    alone = script(session, key="alone")
    array = session.submit_script(code="1", array="1-2")
    assert len(session.jobs(array=array.id)) == 2
    with pytest.raises(BadRequest, match=f"{alone.id} is no array but a job of its own"):
        session.jobs(array="alone")
    with pytest.raises(BadRequest, match=f"is no array but one of the array {array.id}"):
        session.jobs(array=f"{array.id}/2")


def test_a_job_cannot_come_after_itself(session: Session) -> None:
    with pytest.raises(BadRequest, match="cannot come after itself: mine is its own key"):
        script(session, "mine", key="mine")


def test_a_submission_that_is_made_twice_is_one_job_whatever_is_latest_now(session: Session) -> None:
    script(session)
    once = script(session, "latest", key="once")
    assert script(session, "latest", key="once").id == once.id
    assert script(session, "no-such-job", key="once").id == once.id


def test_a_predecessor_that_is_cancelled_takes_those_after_it_along(session: Session) -> None:
    first = script(session)
    second, third = script(session, first.id), script(session, first.id + ":any")
    first.cancel()
    for _ in second.follow(20.0):
        pass
    row = second.detail().row
    assert (row.state, row.reason) == ("cancelled", f"{first.id}, which it comes after, was cancelled")
    assert third.detail().row.waiting_for.startswith("a compute node")
    late = script(session, first.id)
    for _ in late.follow(20.0):
        pass
    assert late.detail().row.reason == row.reason


def test_a_restart_forgets_no_predecessor(tmp_path: Path) -> None:
    with serving(tmp_path) as session:
        first = script(session)
        waiting = script(session, first.id)
        ended = script(session)
        after_its_end = script(session, ended.id + ":any", first.id)
        ended.cancel()
    with serving(tmp_path) as session:
        assert session.job(waiting.id).detail().row.waiting_for == f"{first.id} to complete"
        assert session.job(after_its_end.id).detail().row.waiting_for == f"{first.id} to complete"
        session.job(first.id).cancel()
        for _ in session.job(after_its_end.id).follow(20.0):
            pass


def test_a_predecessor_may_be_removed_once_it_has_ended(tmp_path: Path) -> None:
    with serving(tmp_path) as session:
        first, ended = script(session), script(session)
        waiting = script(session, ended.id + ":any", first.id)
        ended.cancel()
        session._link.call("remove_work", (ended.id,))
    with serving(tmp_path) as session:
        assert session.job(waiting.id).detail().row.waiting_for == f"{first.id} to complete"


def test_a_retry_waits_for_nothing(session: Session) -> None:
    first = script(session)
    second = script(session, first.id)
    assert second.retry().spec().after == ()


def test_why_of_an_array_counts_its_jobs(session: Session) -> None:
    array = session.submit_script(code="1", array="1-3")
    session.job(f"{array.id}/2").cancel()
    answer = session.why("job", array.id).answer
    assert answer == f"{array.id} is pending: it waits for a compute node: none is connected."
    array.cancel()
    assert f"{array.id} was cancelled after" in session.why("job", array.id).answer
