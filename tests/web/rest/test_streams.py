"""Server-sent events: each is told once, whatever is in it; a break is gone on after; who leaves is noticed."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from rpc.kept_log import Record
from tests.client.fake import RUN_ID, RUNNING, Serving, event
from tests.client.fake_jobs import JOB_ID, JOB_ROW, METRICS, RECORDS, log_of
from tests.web.served import served
from web.event_stream import MOST_OF_ONE, Sent
from web.visitors import Visitors

_TIMEOUT_S = 20.0


class Told(NamedTuple):
    id: str
    kind: str
    data: Any


def events_of(text: str) -> list[Told]:
    """The events of a stream as a browser takes it apart (WHATWG HTML, section 9.2.6)."""
    told, fields = [], {"id": "", "event": "message", "data": ""}
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if not line and fields["data"]:
            told.append(Told(fields["id"], fields["event"], json.loads(fields["data"])))
            fields = {"id": fields["id"], "event": "message", "data": ""}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
    return told


def test_the_lines_of_a_log_end_with_an_end(http: httpx.Client) -> None:
    answer = http.get(f"/api/v1/jobs/{JOB_ID}/log/stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    *lines, end = events_of(answer.text)
    assert [line.data["text"] for line in lines] == [record.text for record in RECORDS]
    assert {line.kind for line in lines} == {"line"} and (end.kind, end.data) == ("end", {})


def test_a_stream_goes_on_after_what_the_browser_had(http: httpx.Client) -> None:
    url = f"/api/v1/jobs/{JOB_ID}/log/stream"
    lines = events_of(http.get(url).text)[:-1]
    for number, line in enumerate(lines[:-1], 1):
        rest = events_of(http.get(url, headers={"Last-Event-ID": line.id}).text)
        assert [each.data for each in rest[:-1]] == [each.data for each in lines[number:]]
    over = http.get(url, headers={"Last-Event-ID": lines[-1].id})
    assert over.status_code == 204  # it does not come again after that


def test_metrics_and_news_are_told_to_their_end(http: httpx.Client) -> None:
    metrics = events_of(http.get(f"/api/v1/jobs/{JOB_ID}/metrics/stream", params={"after": 1}).text)
    assert [each.data["number"] for each in metrics[:-1]] == [each.number for each in METRICS[1:]]
    news = events_of(http.get(f"/api/v1/runs/{RUN_ID}/stream").text)
    assert [each.data["row"]["state"] for each in news if each.kind == "news"][-1] == "completed"
    assert http.get("/api/v1/runs/nobody/stream").status_code == 404
    for last in ("x", "1e3", "9" * 30):
        assert http.get(f"/api/v1/runs/{RUN_ID}/stream", headers={"Last-Event-ID": last}).status_code == 422


@pytest.mark.parametrize(
    "text",
    [
        '\n\nevent: end\ndata: {"state": "completed"}\n\n',
        "\r\rid: 99\revent: end\r\r",
        "a\u2028event: end\u2029data: {}\u0085",
        "\x00\x1b]0;title\x07\x9b",
        "data: {}\n: comment\nretry: 1\n",
        "\ufeff\ud7ff\U0010ffff</script><img src=x onerror=alert(1)>",
    ],
)
def test_whatever_a_job_prints_is_one_line_of_text(text: str, coordinator: Serving, http: httpx.Client) -> None:
    coordinator.fake.log = log_of(Record(1, "o", "i", text))
    answer = http.get(f"/api/v1/jobs/{JOB_ID}/log/stream")
    line, end = events_of(answer.text)
    assert (line.kind, end.kind) == ("line", "end") and answer.text.isascii()
    assert line.data["text"] == text.replace("\r", "\\r").replace("\n", "\\n")


@given(st.text(), st.integers(-(2**62), 2**62))
def test_no_text_forges_an_event(text: str, number: int) -> None:
    told = events_of(Sent(number, "line", {text: [text]}).encoded.decode())
    assert told == [Told(str(number), "line", {text: [text]})]


@pytest.fixture
def port(app: FastAPI, coordinator: Serving) -> Iterator[int]:
    app.state.visitors = Visitors("127.0.0.1", coordinator.port)
    with served(app) as port:
        yield port


def open_stream(port: int, path: str) -> socket.socket:
    """Ask for a stream; return the connection once its head is here."""
    connection = socket.create_connection(("127.0.0.1", port), _TIMEOUT_S)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    connection.recv(4096)
    return connection


def until(is_so: Callable[[], bool]) -> None:
    end_at = time.monotonic() + _TIMEOUT_S
    while not is_so():
        assert time.monotonic() < end_at, "it did not become so"
        time.sleep(0.01)


def test_what_comes_later_is_sent_then(app: FastAPI, coordinator: Serving, port: int) -> None:
    coordinator.fake.job_row = replace(JOB_ROW, state="running")
    with (
        httpx.Client(base_url=f"http://localhost:{port}", timeout=_TIMEOUT_S) as client,
        client.stream("GET", f"/api/v1/jobs/{JOB_ID}/metrics/stream?after=2") as answer,
    ):
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(2)] == ["id: 3", "event: metric"]
        coordinator.fake.metrics = (*METRICS, replace(METRICS[2], number=4))
        assert "id: 4" in (next(lines) for _ in range(6))


def test_who_leaves_is_noticed_and_nobody_asks_any_more(app: FastAPI, coordinator: Serving, port: int) -> None:
    coordinator.fake.row, coordinator.fake.story = RUNNING, coordinator.fake.story[:1]
    connections = [open_stream(port, f"/api/v1/runs/{RUN_ID}/stream") for _ in range(20)]
    until(lambda: app.state.streams.n_open == 20)
    for connection in connections:
        connection.close()
    until(lambda: app.state.streams.n_open == 0)
    assert app.state.visitors.of("").live._streams == {}


def test_one_address_has_so_many_streams_and_others_are_served(app: FastAPI, coordinator: Serving, port: int) -> None:
    coordinator.fake.events = (event(1, "test", "happened"),)
    connections = [open_stream(port, "/api/v1/events/stream") for _ in range(MOST_OF_ONE)]
    until(lambda: app.state.streams.n_open == MOST_OF_ONE)
    with httpx.Client(base_url=f"http://localhost:{port}", timeout=_TIMEOUT_S) as client:
        answer = client.get("/api/v1/events/stream")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
        assert client.get("/api/v1/jobs").status_code == 200
    for connection in connections:
        connection.close()
    until(lambda: app.state.streams.n_open == 0)
