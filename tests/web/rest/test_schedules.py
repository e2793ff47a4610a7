"""Jobs over HTTP that come after others, and those that are started again and again."""

from __future__ import annotations

import io

import httpx2 as httpx
import pytest

from rpc.messages import Schedule
from tests.client.fake import Serving
from tests.client.fake_jobs import JOB_ID, SCRIPT_SPEC
from tests.web.rest.test_jobs import BUNDLE

NIGHTLY = Schedule("schedule-00000007", SCRIPT_SPEC, "@daily", "Europe/Berlin", next_ms=5, last_job=JOB_ID)


def test_a_job_names_those_that_it_comes_after(coordinator: Serving, http: httpx.Client) -> None:
    after = ["job-1", "job-2:any"]
    assert http.post("/api/v1/jobs", json={"code": "1", "settings": {"after": after}}).status_code == 201
    assert coordinator.fake.scripts[0].after == ("job-1", "job-2:any")
    answer = http.post("/api/v1/jobs", json={"code": "1", "settings": {"after": ["job-1:soon"] * 2}})
    assert answer.status_code == 201  # whether there is such a job is for the coordinator to say
    assert http.post("/api/v1/jobs", json={"code": "1", "settings": {"after": ["j"] * 101}}).status_code == 422


def test_code_with_times_becomes_a_schedule(coordinator: Serving, http: httpx.Client) -> None:
    wanted = {"code": "print(1)", "cron": "*/5 * * * *", "cron_tz": "Europe/Berlin", "cron_overlap": "allow"}
    answer = http.post("/api/v1/jobs", json=wanted)
    assert answer.status_code == 201 and answer.headers["location"] == f"/api/v1/schedules/{answer.json()['id']}"
    (made,) = coordinator.fake.schedules
    assert (made.cron, made.zone, made.overlaps, made.spec.inline_code) == ("*/5 * * * *", "Europe/Berlin", True, True)
    assert not coordinator.fake.scripts


def test_a_bundle_with_times_becomes_a_schedule_but_not_where_a_job_is_answered(
    coordinator: Serving, http: httpx.Client
) -> None:
    def send(path: str, **fields: str) -> httpx.Response:
        return http.post(path, files={"file": ("b.zip", io.BytesIO(BUNDLE))}, data=fields)

    assert send("/api/v1/jobs/bundle", cron="@hourly").headers["location"].startswith("/api/v1/schedules/")
    assert [(made.cron, made.zone, made.overlaps) for made in coordinator.fake.schedules] == [("@hourly", "UTC", False)]
    assert send("/api/jobs", cron="@hourly").status_code == 400
    assert send("/api/v1/jobs/bundle", cron="@hourly", cron_overlap="perhaps").status_code == 400


@pytest.mark.parametrize("said", [{"cron_tz": "UTC"}, {"cron_overlap": "skip"}])
def test_a_zone_or_overlap_without_times_is_refused(http: httpx.Client, said: dict[str, str]) -> None:
    answer = http.post("/api/v1/jobs", json={"code": "print(1)", **said})
    assert (answer.status_code, "go with cron" in answer.json()["detail"]) == (400, True)


def test_schedules_are_listed_shown_paused_resumed_and_removed(coordinator: Serving, http: httpx.Client) -> None:
    coordinator.fake.schedules = (NIGHTLY,)
    (listed,) = http.get("/api/v1/schedules").json()
    assert listed == http.get(f"/api/v1/schedules/{NIGHTLY.id}").json()
    assert (listed["cron"], listed["zone"], listed["last_job"]) == ("@daily", "Europe/Berlin", JOB_ID)
    assert http.post(f"/api/v1/schedules/{NIGHTLY.id}/pause").json()["paused"] is True
    assert http.post(f"/api/v1/schedules/{NIGHTLY.id}/resume").json()["paused"] is False
    assert http.delete(f"/api/v1/schedules/{NIGHTLY.id}").json()["id"] == NIGHTLY.id
    assert http.post(f"/api/v1/schedules/{NIGHTLY.id}/stop").status_code == 422
    missing = http.get("/api/v1/schedules/schedule-00000008")
    assert missing.status_code == 404 and NIGHTLY.id in missing.json()["detail"]
    assert http.delete("/api/v1/schedules/none").status_code == 404
