"""Who keeps us waiting is not waited for, streams end with the server, and stopping leaves no traces of bugs."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from fastapi import FastAPI

from tests.client.fake import Serving
from tests.system.cluster import Program
from tests.web.served import served
from web.visitors import Visitors

_TIMEOUT_S = 20.0
_HEAD = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
_STREAM = b"GET /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def port(app: FastAPI, coordinator: Serving, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr("web.patience.HEAD_S", 0.3)
    monkeypatch.setattr("web.patience.TAKEN_S", 0.3)
    monkeypatch.setattr("web.patience._SLOWEST", 10_000_000)
    monkeypatch.setattr("web.limits._PATIENCE_S", 0.3)
    app.state.visitors = Visitors("127.0.0.1", coordinator.port)
    with served(app) as port:
        yield port


def connected(port: int, request: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), _TIMEOUT_S)
    connection.sendall(request)
    return connection


def dripped(connection: socket.socket, byte: bytes) -> bytes:
    """Send bytes with pauses, as long as it is allowed; return what was answered."""
    answer = b""
    connection.settimeout(0.1)
    ends = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < ends:
        try:
            connection.sendall(byte)
            part = connection.recv(4096)
        except TimeoutError:
            continue
        except ConnectionError:
            return answer
        if not part:
            return answer
        answer += part
    raise AssertionError("it is still waited for")


@pytest.mark.parametrize("begun", [b"", b"GET /health HTTP/1.1\r\nHost: loc"])
def test_a_head_that_does_not_come_is_not_waited_for(begun: bytes, port: int) -> None:
    with connected(port, begun) as connection:
        assert connection.recv(1) == b""


def test_single_bytes_of_a_head_win_no_time(port: int) -> None:
    with connected(port, b"GET /health HTTP/1.1\r\nX: ") as connection:
        assert dripped(connection, b"a") == b""


def test_a_second_request_on_a_connection_has_as_long_as_the_first(port: int) -> None:
    with connected(port, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n") as connection:
        answer = b""
        while not answer.endswith(b"}"):  # head and body may come apart
            answer += connection.recv(4096)
        assert answer.split()[1] == b"200"
        assert dripped(connection, b"G") == b""


def test_an_answer_that_is_not_taken_does_not_wait_for_ever(port: int) -> None:
    asked = 1000
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(_TIMEOUT_S)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * asked)
        select.select([], [], [], 2.0)  # nothing tells whoever does not read
        taken = b""
        with suppress(ConnectionError):
            while part := connection.recv(1 << 20):
                taken += part
    assert 0 < taken.count(b"HTTP/1.1 200") < asked


@pytest.mark.parametrize("path", [b"/jobs", b"/api/v1/blobs/new?file=a"])
def test_a_body_that_does_not_come_is_told_so_and_ended(path: bytes, port: int) -> None:
    with connected(port, _HEAD.replace(b"/jobs", path) + b'{"code": "') as connection:
        answer = dripped(connection, b"1")
    assert answer.split()[1] == b"408" and b'"code":"bad_request"' in answer


def test_streams_are_as_quiet_as_they_like(port: int) -> None:
    with connected(port, _STREAM) as connection:
        assert b"text/event-stream" in connection.recv(4096)
        connection.settimeout(1.0)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_server_that_is_stopped_waits_for_no_half_body_and_complains_of_nothing(coordinator: Serving) -> None:
    web = Program("web.py", "--server", f"127.0.0.1:{coordinator.port}", "--http-port", "0").serve()
    form = _HEAD.replace(b"/jobs", b"/api/jobs").replace(b"application/json", b"multipart/form-data; boundary=a")
    with connected(web.port, _HEAD + b"{"), connected(web.port, form + b"--a"), connected(web.port, _STREAM) as stream:
        assert b"text/event-stream" in stream.recv(4096)  # what was sent before is under way
        began = time.monotonic()
        assert web.stop() == 0
        assert time.monotonic() - began < 2.0
    assert web.stderr == []


def test_a_server_that_is_stopped_ends_its_streams_at_once_and_complains_of_nothing(coordinator: Serving) -> None:
    web = Program("web.py", "--server", f"127.0.0.1:{coordinator.port}", "--http-port", "0").serve()
    with connected(web.port, _STREAM) as connection:
        assert b"text/event-stream" in connection.recv(4096)
        assert web.stop() == 0
        rest = b""
        while part := connection.recv(4096):
            rest += part
    assert rest.endswith(b"0\r\n\r\n") and b"event: end" not in rest  # a browser comes back
    assert web.stderr == []
