"""Arrays over HTTP before a real cluster: started, listed, told of, done again, ended; also by a schedule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest

from tests.compute_node.scripts.conftest import need
from tests.system.cluster import Cluster, wait_until
from tests.web.test_webhooks import added, hearing

FAILS_AT_TWO = (
    "import os; print(os.environ['ROUNDHOUSE_ARRAY_INDEX']); assert os.environ['ROUNDHOUSE_ARRAY_INDEX'] != '2'"
)
ENDED = ("completed", "failed", "cancelled")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    need("bwrap")
    folder = tmp_path_factory.mktemp("arrays")
    kept = ("--data-dir", str(folder / "data"), "--http-port", "0")
    with Cluster(folder, nodes=2, node_arguments=("--slots", "2"), coordinator_arguments=kept) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def http(cluster: Cluster) -> Iterator[httpx.Client]:
    lines = iter(cluster.coordinator.next_line, "")
    url = next(line for line in lines if line.startswith("web: ")).removeprefix("web: ")
    with httpx.Client(base_url=url, timeout=60.0) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def every_minute(http: httpx.Client) -> str:
    """A schedule of arrays: it takes up to a minute to start one, in which the other tests are done."""
    answer = http.post("/api/v1/jobs", json={"code": "1", "settings": {"array": "1-3"}, "cron": "* * * * *"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def started(http: httpx.Client, code: str, array: str) -> str:
    answer = http.post("/api/v1/jobs", json={"code": code, "settings": {"array": array}})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def row_of(http: httpx.Client, job: str) -> dict[str, Any]:
    row = http.get(f"/api/v1/jobs/{job}").json()["row"]
    assert isinstance(row, dict)
    return row


def ended(http: httpx.Client, job: str) -> dict[str, Any]:
    wait_until(lambda: row_of(http, job)["state"] in ENDED, f"{job} ends")
    return row_of(http, job)


def listed(http: httpx.Client, **asked: str) -> list[str]:
    return [row["id"] for row in http.get("/api/v1/jobs", params=asked).json()["items"]]


def test_an_array_is_started_listed_and_what_failed_of_it_done_again(http: httpx.Client) -> None:
    array = started(http, FAILS_AT_TWO, "1-3")
    row = ended(http, array)
    assert (row["state"], row["members"]["completed"], row["members"]["failed"]) == ("failed", 2, 1)
    assert array in listed(http) and f"{array}-2" not in listed(http)
    assert listed(http, array=array) == [f"{array}-{index}" for index in (3, 2, 1)]
    assert listed(http, array=array, state="failed") == [f"{array}-2"]
    assert f"{array}-2" in listed(http, members="true")
    assert http.get(f"/api/v1/jobs/{array}-3/log.txt").text.endswith(" 3\n")
    for path in ("log", "log.txt", "log/stream"):
        refused = http.get(f"/api/v1/jobs/{array}/{path}")
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_request"), path
        assert f"is an array of jobs; name one of them, as in {array}/1" in refused.json()["detail"]
    again = http.post(f"/api/v1/jobs/{array}/retry").json()["id"]
    assert ended(http, again)["state"] == "failed"
    assert listed(http, array=again) == [f"{again}-2"]


def test_an_array_is_cancelled_as_one_job(http: httpx.Client) -> None:
    array = started(http, "import time; time.sleep(600)", "1-40%2")
    wait_until(lambda: row_of(http, array)["members"].get("running") == 2, "two of its jobs run")
    row = http.post(f"/api/v1/jobs/{array}/cancel").json()
    assert (row["state"], row["members"]["cancelled"]) == ("cancelled", 40)


@pytest.mark.parametrize("array", ["0-x", "5-1", "1-10001", "1-3%0"])
def test_what_is_no_array_is_refused(http: httpx.Client, array: str) -> None:
    answer = http.post("/api/v1/jobs", json={"code": "1", "settings": {"array": array}})
    assert (answer.status_code, answer.headers["content-type"]) in (
        (422, "application/problem+json"),
        (400, "application/problem+json"),
    )
    assert http.get("/api/v1/jobs", params={"array": "nobody"}).status_code == 404


def test_webhooks_are_told_of_an_array_as_of_one_job(cluster: Cluster, http: httpx.Client) -> None:
    with hearing() as hearer:
        made = added(cluster, hearer.url, "completed", "failed", "running")
        array = started(http, FAILS_AT_TWO, "1-3")
        alone = started(http, "1", "")
        ended(http, array)
        ended(http, alone)
        wait_until(lambda: len(hearer.heard) >= 4, "both are told of, twice each")
        told = [(each["data"]["id"], each["data"]["state"]) for each in hearer.taken(made.secret)]  # type: ignore[index]
        assert http.delete(f"/api/v1/webhooks/{made.id}").status_code == 204
    assert sorted(told) == sorted([(array, "running"), (array, "failed"), (alone, "running"), (alone, "completed")])


@pytest.mark.timeout(120)
def test_a_schedule_starts_arrays(http: httpx.Client, every_minute: str) -> None:
    def first() -> str:
        return str(http.get(f"/api/v1/schedules/{every_minute}").json()["last_job"])

    wait_until(lambda: bool(first()), "the schedule's minute", timeout_s=90.0)
    row = ended(http, first())
    assert (row["kind"], row["state"], row["members"]["completed"]) == ("array", "completed", 3)
