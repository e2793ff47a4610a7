"""Arrays of jobs, asked of a whole coordinator without nodes: nothing that is submitted begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from client.api import Session
from client.jobs import Job
from rpc.errors import BadRequest, NotFound
from tests.coordinator.test_listing import serving, session

__all__ = ["session"]

_PATIENCE_S = 20.0


def array(session: Session, text: str = "1-4", **settings: Any) -> Job:
    return session.submit_script(code="1", array=text, **settings)


def over(job: Job) -> str:
    for _ in job.follow(_PATIENCE_S):
        pass
    return job.detail().row.state


def test_an_array_is_one_line_and_its_jobs_are_listed_by_it(session: Session) -> None:
    one = array(session, "1-3,9")
    single = session.submit_script(code="2")
    assert [row.id for row in session.jobs()] == [single.id, one.id]
    row = session.jobs()[1]
    assert (row.kind, row.tasks_total, row.members["pending"]) == ("array", 4, 4)
    members = [f"{one.id}-{index}" for index in (9, 3, 2, 1)]
    assert [row.id for row in session.jobs(array=one.id)] == members
    assert [row.id for row in session.jobs(with_members=True)] == [single.id, *members, one.id]
    assert [row.id for row in session.glance().work] == [one.id, single.id]
    assert [row.array_index for row in session.jobs(array=one.id, limit=2)] == [9, 3]


def test_a_job_of_an_array_is_named_by_index_and_knows_which_one_it_is(session: Session) -> None:
    one = array(session, "1-9:4", key="sweep")
    for name in (f"{one.id}/5", f"{one.id}-5", "sweep/5", "latest/5"):
        assert session.job(name).id == f"{one.id}-5"
    env = session.job("sweep/5").detail().job.spec.env  # type: ignore[union-attr]
    about = {"ID": one.id, "INDEX": "5", "FIRST": "1", "LAST": "9", "COUNT": "3"}
    assert env == {f"ROUNDHOUSE_ARRAY_{name}": value for name, value in about.items()}
    with pytest.raises(NotFound, match=f"no run or job is called '{one.id}-2'"):
        session.job(f"{one.id}/2")
    with pytest.raises(BadRequest, match=f"{one.id} is an array of jobs; name one of them"):
        session.single_job(one.id)
    with pytest.raises(BadRequest, match=f"{one.id} is an array of jobs; name one of them"):
        list(one.logs())


def test_a_key_makes_one_array(session: Session) -> None:
    first = array(session, key="once")
    assert array(session, key="once").id == first.id
    assert len(session.jobs(with_members=True)) == 5


def test_a_cancelled_array_ends_with_all_of_its_jobs(session: Session) -> None:
    one = array(session, "1-350%2")
    session.job(f"{one.id}/7").cancel()
    row = one.cancel("enough of it")
    assert (row.state, row.reason, row.members["cancelled"]) == ("cancelled", "enough of it", 350)
    assert session.job(f"{one.id}/300").detail().row.reason == "enough of it"
    assert session.job(f"{one.id}/7").detail().row.reason == "by the client"


def test_an_array_ends_when_its_jobs_were_cancelled_one_by_one(session: Session) -> None:
    one = array(session, "1-2")
    for index in (2, 1):
        session.job(f"{one.id}/{index}").cancel("not this one")
    assert over(one) == "cancelled"
    assert one.detail().row.reason == f"2 of 2 were cancelled; the first is {one.id}-1: not this one"
    with pytest.raises(BadRequest, match=f"no job of {one.id} has failed: 2 cancelled"):
        session.retry(one.id)


def test_what_comes_after_an_array_waits_for_all_of_it(session: Session) -> None:
    one = array(session)
    later, also = session.submit_script(code="2", after=(one.id,)), array(session, "1-2", after=(f"{one.id}:any",))
    refused = array(session, "5-6", after=(later.id,))
    assert later.detail().row.waiting_for == f"{one.id} to complete"
    assert session.job(f"{also.id}/1").detail().row.waiting_for == f"its turn in the array {also.id}"
    one.cancel()
    assert over(later) == "cancelled"
    assert over(refused) == "cancelled"
    assert refused.detail().row.reason == f"{later.id}, which it comes after, was cancelled"
    assert also.detail().row.waiting_for.startswith("a compute node")


def test_a_restart_forgets_no_job_of_an_array(tmp_path: Path) -> None:
    with serving(tmp_path) as session:
        one, waiting = array(session, "1-250"), array(session, "1-3", after=("latest:any",))
        session.job(f"{one.id}/7").cancel()
    with serving(tmp_path) as session:
        row = session.job(one.id).detail().row
        assert (row.members["pending"], row.members["cancelled"]) == (249, 1)
        assert session.job(f"{one.id}/8").spec().env["ROUNDHOUSE_ARRAY_INDEX"] == "8"
        assert session.job(one.id).cancel().members["cancelled"] == 250
        waits = session.job(f"{waiting.id}/2").detail().row
        assert waits.state == "pending" and not waits.waiting_for.startswith("its turn in")
    with serving(tmp_path) as session:
        detail = session.job(one.id).detail()
        assert (detail.row.state, detail.row.members["cancelled"]) == ("cancelled", 250)
        assert session.job(f"{one.id}/9").spec().env["ROUNDHOUSE_ARRAY_COUNT"] == "250"


def test_an_array_is_removed_with_all_of_its_jobs_and_not_in_part(session: Session) -> None:
    one, other = array(session), array(session)
    with pytest.raises(BadRequest, match="only what has ended can be removed"):
        session.remove_runs([one.id])
    one.cancel()
    with pytest.raises(BadRequest, match=f"{one.id}-1 is one of the array {one.id}, which is removed as a whole"):
        session.remove_runs([f"{one.id}/1"])
    session.remove_runs([one.id])
    assert [row.array_id or row.id for row in session.jobs(with_members=True)] == [other.id] * 5
    with pytest.raises(NotFound):
        session.job(f"{one.id}/1")


def test_more_jobs_than_an_array_may_have_are_refused(session: Session) -> None:
    with pytest.raises(BadRequest, match="has 10,001 jobs, of at most 10,000"):
        array(session, "0-10000")


def test_why_an_array_waits_is_told_as_of_a_job(session: Session) -> None:
    one = array(session, "1-3%1")
    assert session.why("job", one.id).answer.startswith(f"{one.id} is pending: it waits for a compute node")
    answer = session.why("job", f"{one.id}-2").answer
    assert answer == f"{one.id}-2 is pending: it waits for its turn in the array {one.id}."
