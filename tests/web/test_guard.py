"""Pages of elsewhere cannot act here, names led here are not served, and too much is ended while it is sent."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.client.fake import Serving
from tests.web.served import served
from web.guard import Guard
from web.limits import JSON_BYTES, BodyLimits
from web.visitors import Visitors

_TIMEOUT_S = 20.0
FOREIGN = [
    "https://evil.example",
    "http://testserver.evil.example",
    "null",
    "http://localhost:1",
    "file://",
    "x",
    "",
    "http://[",
]


def unsafe_routes(app: FastAPI) -> list[tuple[str, str]]:
    """All that change something, from the app's description of itself."""
    paths = app.openapi()["paths"]
    return [(method, path) for path in paths for method in paths[path] if method not in ("get", "head")]


def test_a_foreign_origin_gets_nowhere(app: FastAPI, coordinator: Serving, http: httpx.Client) -> None:
    routes = unsafe_routes(app)
    assert len(routes) >= 20
    for method, path in routes:
        for origin in FOREIGN:
            answer = http.request(method.upper(), path, headers={"Origin": origin}, json={"code": "1"})
            assert (answer.status_code, answer.json()["code"]) == (403, "refused"), (method, path, origin)
    crossing = http.post("/jobs", headers={"Sec-Fetch-Site": "cross-site"}, json={"code": "1"})
    assert crossing.status_code == 403 and coordinator.fake.scripts == []


def test_pages_of_here_and_programs_are_served(http: httpx.Client) -> None:
    assert http.post("/jobs", headers={"Origin": "http://testserver"}, json={"code": "1"}).status_code == 200
    assert http.post("/jobs", json={"code": "1"}).status_code == 200


def test_a_socket_of_elsewhere_is_refused(http: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), http.websocket_connect("/any", headers={"Origin": "https://evil.example"}):
        pass


def test_what_stands_in_for_a_socket_is_refused_as_well(http: httpx.Client) -> None:
    answer = http.get("/_nicegui_ws/socket.io/", headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers


@pytest.fixture
def port(app: FastAPI, coordinator: Serving) -> Iterator[int]:
    app.state.visitors = Visitors("127.0.0.1", coordinator.port)
    with served(app) as port:
        yield port


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:5000", 200),
        ("[::1]:5000", 200),
        ("web.localhost", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:5000", 403),
        ("192.168.1.1", 403),
        ("[", 403),
        ("", 403),
    ],
)
def test_on_loopback_only_its_names_are_served(host: str, status: int, port: int) -> None:
    with httpx.Client(timeout=_TIMEOUT_S) as client:
        answer = client.get(f"http://127.0.0.1:{port}/api/v1/jobs", headers={"Host": host})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("host", "status"), [("console.example:8080", 200), ("CONSOLE.example", 200), ("localhost", 403)]
)
def test_where_it_is_said_only_the_names_that_were_said_are_served(host: str, status: int) -> None:
    http = TestClient(Guard(PlainTextResponse("here"), names=["Console.example"]))
    assert http.get("/", headers={"Host": host}).status_code == status


def test_every_answer_says_what_browsers_may_do_with_it(http: httpx.Client) -> None:
    for path in ("/api/v1/jobs", "/api/v1/nothing", "/health", "/metrics", "/openapi.json"):
        headers = http.get(path).headers
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
        assert (
            "default-src 'none'" in headers["content-security-policy"] and "access-control-allow-origin" not in headers
        )


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/jobs", "/api/v1/runs", "/api/v1/jobs/cancel"])
def test_a_body_without_end_is_ended_at_its_limit(path: str, port: int) -> None:
    kind = "Content-Type: application/json\r\nTransfer-Encoding: chunked"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n\r\n"
    chunk = b"10000\r\n" + b"[" * (1 << 16) + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as connection:
        connection.sendall(head.encode())
        sent = 0
        while not select.select([connection], [], [], 0)[0]:
            connection.sendall(chunk)
            sent += len(chunk)
        answer = b""
        while not answer.endswith(b"}"):
            answer += connection.recv(4096)
    assert answer.split()[1] == b"413" and b'"code":"bad_request"' in answer
    assert sent < 16 * JSON_BYTES  # what lies in buffers on the way


def test_a_body_that_says_to_be_too_long_is_not_read(http: httpx.Client) -> None:
    answer = http.post("/jobs", content=bytes(JSON_BYTES + 1))
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert answer.json()["code"] == "bad_request"


def test_files_that_come_at_once_have_room_on_the_disk_for_so_much_and_no_more(
    app: FastAPI, coordinator: Serving
) -> None:
    limited = BodyLimits(app, disk_bytes=100_000)
    with TestClient(limited) as http:
        app.state.visitors = Visitors("127.0.0.1", coordinator.port)
        assert http.post("/api/v1/blobs/new?file=a", content=bytes(100_000)).status_code == 201
        full = http.post("/api/v1/blobs/new?file=a", content=bytes(100_001))
        assert http.post("/api/v1/blobs/new?file=a", content=bytes(100_000)).status_code == 201
    assert full.status_code == 503 and "too much is being sent at once" in full.json()["detail"]


def test_a_length_that_is_none_is_refused(port: int) -> None:
    for length in ("-1", "1e3", "99999999999999999999999", "0x10"):
        request = f"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        assert status_of(port, request.encode()) in (400, 413)


def test_a_head_without_end_is_refused(port: int) -> None:
    assert status_of(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (1 << 17)) == 431


def test_a_thousand_parts_of_a_form_are_refused_within_a_second(http: httpx.Client) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'
    head = {"Content-Type": "multipart/form-data; boundary=b"}
    began = time.process_time()
    assert http.post("/api/jobs", content=part * 10_000 + b"--b--\r\n", headers=head).status_code == 400
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize("opening", ["[", '{"code":', '[{"a":['])
def test_json_without_bottom_is_refused_within_a_tenth_of_a_second(opening: str, http: httpx.Client) -> None:
    http.post("/jobs", content="[", headers={"Content-Type": "application/json"})  # the first request takes longer
    began = time.process_time()
    answer = http.post("/jobs", content=opening * 100_000, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert time.process_time() - began < 0.1 * 3  # what it costs: the machine may do other things as well


def status_of(port: int, request: bytes) -> int:
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT_S) as connection:
        connection.sendall(request)
        return int(connection.recv(4096).split()[1])


@pytest.mark.parametrize("path", ["/jobs", "/api/v1/jobs", "/metrics", "/openapi.json", "/health"])
def test_nothing_between_keeps_what_was_told_to_one(http: httpx.Client, path: str) -> None:
    assert http.get(path).headers["cache-control"] == "no-store"
