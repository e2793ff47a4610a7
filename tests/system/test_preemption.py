"""Preemption for real: a script job ends for work of a higher priority, starts anew after it, and has not failed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from client.jobs import Job, job_of
from roundhouse import Session, connect
from rpc.messages import EventQuery
from tests.compute_node.scripts.conftest import need
from tests.system.cluster import LETTERS, Cluster, wait_until

_PROGRAM = """
import signal, sys, time

signal.signal(signal.SIGTERM, lambda *_: (print("asked to end", flush=True), sys.exit(0)))
print("begun", flush=True)
time.sleep(SECONDS)
"""
_IGNORES = """
import signal, time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("begun", flush=True)
time.sleep(60)
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """One node, which runs one script job at a time."""
    need("bwrap")
    kept = str(tmp_path / "kept")
    with Cluster(
        tmp_path, nodes=1, node_arguments=("--slots", "1"), coordinator_arguments=("--preempt", "--data-dir", kept)
    ) as cluster:
        yield cluster


@pytest.fixture
def session(cluster: Cluster) -> Iterator[Session]:
    with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
        yield session


def lines(job: Job) -> list[str]:
    return [record.text for record in job.logs()]


def begun(session: Session, name: str, text: str) -> Job:
    """A job of priority 0 that has begun."""
    job = session.submit_script(code=text, name=name, retries=1)
    wait_until(lambda: "begun" in lines(job), f"{name} to begin")
    return job


def test_a_long_job_makes_room_and_completes_afterwards(session: Session) -> None:
    low = begun(session, "low", _PROGRAM.replace("SECONDS", "2"))
    high = session.submit_script(code="print('done')", name="high", priority=5)
    high.wait(60)
    low.wait(60)
    assert job_of(low.detail()).attempts == 2
    assert lines(low) == ["begun", "asked to end", "it was asked to end", "begun"]
    kinds = [event.kind for event in session.events(EventQuery(work=low.id)).events]
    assert "preempted" in kinds
    assert "failed" not in kinds
    assert low.detail().row.started_ms < high.detail().row.started_ms, "its time is that of its first start"


def test_one_that_does_not_listen_is_ended_after_its_grace_and_a_restart_holds_nothing_against_it(
    cluster: Cluster, session: Session
) -> None:
    low = begun(session, "low", _IGNORES)
    high = session.submit_script(code="import time; time.sleep(3)", name="high", priority=5)
    wait_until(lambda: high.detail().row.state == "running", "the other job to run", timeout_s=30)
    cluster.restart_coordinator()
    with connect(f"127.0.0.1:{cluster.coordinator.port}") as again:
        again.job(high.id).wait(60)
        wait_until(lambda: lines(again.job(low.id)).count("begun") == 2, "the job to begin anew", timeout_s=30)
        again.job(low.id).cancel()
        kinds = [event.kind for event in again.events(EventQuery(work=low.id)).events]
    assert "failed" not in kinds


def test_a_cancelled_job_that_is_on_its_way_out_is_cancelled(session: Session) -> None:
    low = begun(session, "low", _IGNORES)
    session.submit_script(code="print('done')", name="high", priority=5)
    events = EventQuery(work=low.id)
    wait_until(lambda: "preempted" in [event.kind for event in session.events(events).events], "it to be preempted")
    low.cancel()
    wait_until(lambda: low.detail().row.ended_ms > 0, "its end")
    assert low.detail().row.state == "cancelled"


def test_a_run_of_a_higher_priority_trains_where_jobs_were_and_they_complete_after_it(session: Session) -> None:
    low = begun(session, "low", _PROGRAM.replace("SECONDS", "3"))
    other = session.submit_script(code="print('done')", name="other", retries=1)
    run = session.submit(LETTERS, rounds=10, epochs=5, eta=0.0001, tolerance=0, hidden=24, priority=5)
    assert len(run.wait(60).rounds) == 10
    for job in (low, other):
        job.wait(60)
    assert job_of(low.detail()).attempts == 2
    assert other.detail().row.started_ms >= run.detail().row.ended_ms, "not between two of its rounds"


def test_a_job_gets_the_place_of_another_where_the_node_runs_no_more_than_so_many(tmp_path: Path) -> None:
    need("bwrap")
    with (
        Cluster(
            tmp_path, nodes=1, node_arguments=("--slots", "4", "--max-jobs", "1"), coordinator_arguments=("--preempt",)
        ) as cluster,
        connect(f"127.0.0.1:{cluster.coordinator.port}") as session,
    ):
        low = begun(session, "low", _PROGRAM.replace("SECONDS", "20"))
        started = monotonic()
        session.submit_script(code="print('done')", name="high", priority=5).wait(60)
        assert monotonic() - started < 15.0
        low.cancel()
