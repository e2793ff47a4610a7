"""Clients of earlier systems: only the address changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import httpx2 as httpx

from client.bundling import pack_code
from rpc.messages import DataFile
from tests.client.fake import Serving
from tests.client.fake_jobs import JOB, JOB_ID, JOB_ROW
from tests.web.rest.test_jobs import BUNDLE

FIELDS = ["id", "status", "code", "submitted_at", "started_at", "completed_at", "result", "error"]


class OldClient:
    """As such clients are: submit some code, get a job, list all."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api

    def submit(self, code: str) -> str:
        answer = self._api.post("/jobs", json={"code": code})
        answer.raise_for_status()
        return str(answer.json()["id"])

    def get(self, job_id: str) -> dict[str, object]:
        return dict(self._api.get(f"/jobs/{job_id}").raise_for_status().json())

    def list(self) -> list[dict[str, object]]:
        return list(self._api.get("/jobs").raise_for_status().json())


def with_code(coordinator: Serving, code: str) -> None:
    """What the coordinator knows of the job was typed by somebody."""
    path = coordinator.fake.blobs.path / "code.zip"
    pack_code(code, path)
    data = path.read_bytes()
    bundle = DataFile("bundle.zip", coordinator.fake.blobs.store(data), len(data))
    coordinator.fake.job = replace(JOB, spec=replace(JOB.spec, bundle=bundle, inline_code=True), last_lines=("42",))


def test_a_client_of_old_only_needs_another_address(coordinator: Serving, http: httpx.Client) -> None:
    with_code(coordinator, "print(6 * 7)")
    client = OldClient(http)
    assert client.submit("print(6 * 7)") == JOB_ID
    job = client.get(JOB_ID)
    assert list(job) == FIELDS and client.list() == [job]
    assert (job["status"], job["code"], job["result"], job["error"]) == ("completed", "print(6 * 7)", "42", None)
    assert datetime.fromisoformat(str(job["submitted_at"])) < datetime.fromisoformat(str(job["completed_at"]))


def test_a_job_that_nobody_knows_is_not_found(http: httpx.Client) -> None:
    answer = http.get("/jobs/nobody")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_job_that_failed_says_why_and_one_that_waits_has_no_end(coordinator: Serving, http: httpx.Client) -> None:
    coordinator.fake.job_row = replace(JOB_ROW, state="failed", reason="exit status 1")
    job = OldClient(http).get(JOB_ID)
    assert (job["status"], job["result"], job["error"]) == ("failed", None, "exit status 1")
    http.app.state.classic_jobs.clear()  # type: ignore[attr-defined]
    coordinator.fake.job_row = replace(JOB_ROW, state="pending", started_ms=0, ended_ms=0)
    job = OldClient(http).get(JOB_ID)
    assert (job["status"], job["started_at"], job["completed_at"]) == ("pending", None, None)


def test_a_form_of_old_starts_a_bundle(coordinator: Serving, http: httpx.Client) -> None:
    fields = {"name": "my training", "main_entry": "main.py", "requirements_file": ""}
    answer = http.post("/api/jobs", data=fields, files={"file": ("my_training_job.zip", BUNDLE, "application/zip")})
    assert (answer.status_code, answer.json()["id"]) == (200, JOB_ID)
    assert coordinator.fake.scripts[0].name == "my training"
    assert http.post("/api/jobs", data=fields, files={"file": ("a.tar", b"ustar")}).status_code == 422


def test_health_is_that_of_the_coordinator(coordinator: Serving, http: httpx.Client) -> None:
    assert http.get("/health").json() == {"status": "healthy"}
    coordinator.stop()
    assert http.get("/health").status_code == 503


def test_a_browser_gets_the_page(http: httpx.Client) -> None:
    for path in ("/jobs", f"/jobs/{JOB_ID}"):
        answer = http.get(path, headers={"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"})
        assert answer.status_code in (404, 405)  # there are no pages in this app
        assert http.get(path, headers={"Accept": "application/json"}).status_code == 200
