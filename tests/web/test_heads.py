"""HEAD, as health checks and `curl -I` ask it: what GET would say of itself, without what it would answer."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from tests.client.fake import RUN_ID, Serving
from tests.web.served import served
from web.visitors import Visitors

_TIMEOUT_S = 20.0


@pytest.fixture
def connection(app: FastAPI, coordinator: Serving) -> Iterator[http.client.HTTPConnection]:
    app.state.visitors = Visitors("127.0.0.1", coordinator.port)
    with served(app) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
        yield connection
        connection.close()


def asked(connection: http.client.HTTPConnection, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    connection.request(method, path)
    answer = connection.getresponse()
    heads = {name.lower(): value for name, value in answer.getheaders() if name.lower() != "date"}
    return answer.status, heads, answer.read()


@pytest.mark.parametrize(
    "path", ["/health", "/api/v1/overview", "/jobs", f"/api/v1/runs/{RUN_ID}", "/api/v1/runs/none"]
)
def test_it_says_what_get_says(path: str, connection: http.client.HTTPConnection) -> None:
    status, heads, body = asked(connection, "HEAD", path)
    assert body == b""
    assert (status, heads) == asked(connection, "GET", path)[:2]


def test_of_what_has_no_end_it_tells_the_head_and_the_connection_goes_on(
    connection: http.client.HTTPConnection,
) -> None:
    status, heads, body = asked(connection, "HEAD", "/api/v1/events/stream")
    assert (status, body) == (200, b"") and heads["content-type"].startswith("text/event-stream")
    assert asked(connection, "GET", "/health")[0] == 200


def test_a_route_with_a_head_of_its_own_answers_that(connection: http.client.HTTPConnection) -> None:
    status, heads, _ = asked(connection, "HEAD", f"/api/v1/blobs/sha256:{64 * '0'}?size=9")
    assert (status, heads["upload-offset"], heads["upload-length"]) == (200, "0", "9")
