"""Whatever goes wrong is told as problem details with a stable code, and no answer shows a trace."""

from __future__ import annotations

import httpx2 as httpx
import pytest

from tests.client.fake import Serving


def test_a_value_that_makes_no_sense_is_named(http: httpx.Client) -> None:
    answer = http.get("/api/v1/work", params={"limit": 0})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    told = answer.json()
    assert told["code"] == "bad_request" and told["type"] == "urn:roundhouse:problem:bad_request"
    assert told["detail"] == "query.limit: Input should be greater than or equal to 1"


def test_a_coordinator_that_is_away_is_named(coordinator: Serving, http: httpx.Client) -> None:
    assert http.get("/api/v1/work").status_code == 200
    coordinator.stop()
    answer = http.get("/api/v1/work")
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["code"]) == (503, "2", "unreachable")
    assert answer.json()["detail"].startswith(f"the coordinator at 127.0.0.1:{coordinator.port} is away: ")


def test_a_restart_of_the_coordinator_is_not_noticed(coordinator: Serving, http: httpx.Client) -> None:
    assert http.get("/api/v1/work").status_code == 200
    coordinator.drop_everybody()
    assert http.get("/api/v1/work").status_code == 200


def test_a_bug_is_logged_and_not_shown(http: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    state = http.app.state  # type: ignore[attr-defined]
    streams, state.streams = state.streams, None
    try:
        answer = http.get("/metrics")
    finally:
        state.streams = streams
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "NoneType" not in answer.text and "NoneType" in caplog.text
