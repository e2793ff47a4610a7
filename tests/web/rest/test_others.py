"""Nodes, events, reasons, everything at once, and what the interface says of itself."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import httpx2 as httpx
from prometheus_client.parser import text_string_to_metric_families

from rpc.messages import NodeRow, Overview
from tests.client.fake import RUN_ID, WHY, Serving, event

NODE = NodeRow("127.0.0.1:9091", "n1", "ready", slots=4, running=1, done=7, rejected=2)


def test_nodes_are_listed_shown_added_and_given_orders(coordinator: Serving, http: httpx.Client) -> None:
    coordinator.fake.node_rows = (NODE, replace(NODE, id="b", name="n2"))
    assert [row["id"] for row in http.get("/api/v1/nodes").json()] == [NODE.id, "b"]
    assert http.get("/api/v1/nodes/n1").json()["id"] == http.get(f"/api/v1/nodes/{NODE.id}").json()["id"] == NODE.id
    missing = http.get("/api/v1/nodes/n3")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert http.post("/api/v1/nodes", json={"address": "h:1"}).json()["id"] == "h:1"
    assert http.post("/api/v1/nodes/n1/drain", json={"reason": "night"}).status_code == 200
    assert http.post("/api/v1/nodes/n1/resume").status_code == 200
    assert http.post("/api/v1/nodes/n1/explode").status_code == 422
    assert coordinator.fake.orders == [("n1", "drain", "night"), ("n1", "resume", "")]


def test_events_are_told_as_asked(coordinator: Serving, http: httpx.Client) -> None:
    coordinator.fake.events = tuple(event(number, "test", "happened") for number in range(1, 8))
    page = http.get("/api/v1/events", params={"after": 3, "limit": 2, "notable": True}).json()
    assert page["last"] == 7 and coordinator.fake.queries[0].notable and coordinator.fake.queries[0].after == 3


def test_why_is_answered_for_ids_with_slashes(http: httpx.Client) -> None:
    assert http.get(f"/api/v1/why/run/{RUN_ID}").json()["answer"] == WHY.answer
    answer = http.get(f"/api/v1/why/task/{RUN_ID}/1/0")
    assert "run-7/1/0" in answer.json()["detail"]


def test_paths_and_methods_that_are_not_there_are_problems(http: httpx.Client) -> None:
    answer = http.get("/api/v1/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    for method, path, allowed in (
        ("PUT", "/api/v1/jobs", "GET, HEAD, POST"),
        ("POST", "/health", "GET, HEAD"),
        ("TRACE", "/api/v1/nodes/a", "GET, HEAD"),
        ("HEAD", "/api/v1/runs/a/cancel", "POST"),
        ("DELETE", "/jobs", "GET, HEAD, POST"),
    ):
        answer = http.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_prometheus_can_read_all_of_it(coordinator: Serving, http: httpx.Client) -> None:
    coordinator.fake.nodes = Overview(
        "0.1.0", "random", 9.0, nodes=(NODE, replace(NODE, state="lost")), pending=3, rounds=5, bytes_sent=10
    )
    http.get("/api/v1/jobs")
    http.get("/no-such-page")
    answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["roundhouse_work", "pending"] == 3 and samples["roundhouse_nodes", "ready"] == 1
    assert samples["process_resident_memory_bytes",] > 0
    assert samples["roundhouse_slots",] == 4 and samples["roundhouse_tasks_total", "done"] == 14
    assert samples["roundhouse_rounds_total",] == 5 and samples["roundhouse_traffic_bytes_total", "nodes"] == 10
    routes = {key[2] for key in samples if key[0] == "roundhouse_http_request_duration_seconds_count"}
    assert {"/api/v1/jobs", "other"} <= routes


def test_prometheus_is_told_that_the_coordinator_is_away(coordinator: Serving, http: httpx.Client) -> None:
    coordinator.stop()
    assert "roundhouse_coordinator_up 0.0" in http.get("/metrics").text


def test_the_interface_describes_itself(http: httpx.Client) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    assert {"get", "post"} <= {*paths["/jobs"]} and "/classic/jobs" not in paths
    assert all("default" in told["responses"] for path in paths.values() for told in path.values())


def test_a_file_is_sent_in_one_go_and_told_as_runs_name_it(http: httpx.Client) -> None:
    data = b"1,2,0\n" * 1000
    answer = http.post("/api/v1/blobs/new", params={"file": "rows.txt"}, content=data)
    name = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert (answer.status_code, answer.json()) == (201, {"file": "rows.txt", "blob": name, "size": len(data)})
    assert http.get(f"/api/v1/blobs/{name}").content == data
    assert http.post("/api/v1/blobs/new", content=data).status_code == 422
