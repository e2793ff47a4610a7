"""The Python API of script jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from roundhouse import Session, connect
from rpc.errors import BadRequest, FailureKind, NotFound, RunFailed, TimedOut
from tests.client.fake import Serving
from tests.client.fake_jobs import ARTIFACTS, JOB_ID, JOB_ROW, METRICS, RECORDS


@pytest.fixture
def session(coordinator: Serving) -> Iterator[Session]:
    with connect(coordinator.address) as session:
        yield session


def test_a_job_is_submitted_and_gives_its_result(coordinator: Serving, session: Session, tmp_path: Path) -> None:
    job = session.submit_script(code="print(1)", arguments=["a"], gpus=1)
    result = job.wait()
    assert (result.id, result.seconds, result.node, result.usage.cpu_s) == (JOB_ID, 62.5, "n1", 3.25)
    (spec,) = coordinator.fake.scripts
    assert (spec.arguments, spec.gpus, spec.timeout_s) == (("a",), 1, 60.0)
    assert [record.text for record in job.logs()] == [record.text for record in RECORDS]
    assert job.metrics() == METRICS
    assert [each.file for each in job.artifacts()] == list(ARTIFACTS)
    assert [path.read_bytes() for path in job.fetch(tmp_path / "out")] == list(ARTIFACTS.values())
    assert job.cancel("enough").state == "cancelled"
    assert coordinator.fake.cancelled == [(JOB_ID, "enough")]


def test_a_folder_is_a_bundle(coordinator: Serving, session: Session, tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "train.py").write_text("print(1)\n")
    session.submit_script(tmp_path / "job", main="train.py", datasets={"own": tmp_path / "job"})
    (spec,) = coordinator.fake.scripts
    assert (spec.name, spec.main, [each.file for each in spec.datasets]) == ("job", "train.py", ["own"])


def test_a_job_is_a_bundle_or_code(session: Session) -> None:
    with pytest.raises(BadRequest, match="a job is a bundle or code: give one of them"):
        session.submit_script()


def test_iterating_over_a_job_gives_its_news_to_the_end(session: Session) -> None:
    assert [news.row.state for news in session.job(JOB_ID)] == ["completed"]


def test_a_failed_job_raises_its_reason_and_kind(coordinator: Serving, session: Session) -> None:
    coordinator.fake.job_row = replace(JOB_ROW, state="failed", reason="no room", failure=FailureKind.OUT_OF_MEMORY)
    with pytest.raises(RunFailed, match=rf"^{JOB_ID} failed \(out_of_memory\): no room$") as caught:
        session.job(JOB_ID).wait()
    assert caught.value.failure is FailureKind.OUT_OF_MEMORY


def test_waiting_ends_when_its_time_is_over_and_the_job_goes_on(coordinator: Serving, session: Session) -> None:
    coordinator.fake.job_row = replace(JOB_ROW, state="running")
    with pytest.raises(TimedOut, match=rf"{JOB_ID} has not ended within 0 s; it goes on"):
        session.job(JOB_ID).wait(timeout_s=0)
    assert coordinator.fake.cancelled == []


def test_metrics_come_page_by_page(coordinator: Serving, session: Session) -> None:
    coordinator.fake.metrics = tuple(replace(METRICS[0], number=number) for number in range(1, 2501))
    assert session.job(JOB_ID).metrics() == coordinator.fake.metrics


def test_a_submission_whose_answer_is_lost_is_made_again_as_the_same_one(coordinator: Serving) -> None:
    coordinator.fake.lost_answers = 1
    with connect(coordinator.address, timeout_s=0.5) as session:
        assert session.submit_script(code="print(1)").id == JOB_ID
    first, again = coordinator.fake.scripts
    assert first == again and first.key


def test_a_job_that_has_left_nothing_says_so(coordinator: Serving, session: Session, tmp_path: Path) -> None:
    coordinator.fake.job = replace(coordinator.fake.job, artifacts=())
    assert session.job(JOB_ID).fetch(tmp_path) == []
    with pytest.raises(NotFound, match=f"{JOB_ID} has left no 'x' in out/, but nothing"):
        session.job(JOB_ID).fetch(tmp_path, ["x"])
