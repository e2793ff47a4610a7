"""Browsers and programs on other machines are counted before the coordinator is asked."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as httpx
import pytest
from fastapi import FastAPI, WebSocket
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from rpc.errors import TooMany
from rpc.tokens import make_token
from tests.client.fake import Serving
from web.admission import WRONG_TOKENS, Admission, Limits
from web.api import make_api
from web.event_stream import MOST_OF_ONE
from web.visitors import Visitors

FAR = ("10.0.0.7", 4711)


@pytest.fixture(scope="module")
def counting() -> FastAPI:
    return make_api(Visitors("127.0.0.1", 0), admission=Admission(Limits(requests=10**6, submits=2, streams=1)))


@pytest.fixture
def far(counting: FastAPI, coordinator: Serving) -> Iterator[httpx.Client]:
    counting.state.visitors = Visitors("127.0.0.1", coordinator.port)
    with TestClient(counting, base_url="http://web.example", client=FAR, raise_server_exceptions=False) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_an_address_has_five_wrong_tokens_a_minute(far: httpx.Client, coordinator: Serving) -> None:
    right = coordinator.fake.wanted_token = make_token().text
    answers = [far.get("/api/v1/overview", headers=bearer(make_token().text)) for _ in range(WRONG_TOKENS + 3)]
    assert [answer.status_code for answer in answers] == [401] * WRONG_TOKENS + [429] * 3
    assert answers[-1].json()["code"] == "too_many" and 1 <= int(answers[-1].headers["retry-after"]) <= 12
    # It is not looked at, and so tells nobody whether it is right.
    assert far.get("/api/v1/overview", headers=bearer(right)).status_code == 429
    assert far.post("/login", data={"token": right}).status_code == 429


def test_a_token_hands_in_so_many_jobs_a_minute(far: httpx.Client) -> None:
    answers = [far.post("/jobs", json={"code": "1"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 1 and "--submits-per-minute" in answers[-1].json()["detail"]
    assert far.get("/api/v1/jobs").status_code == 200


def test_requests_are_counted_by_token_or_else_by_address() -> None:
    admission = Admission(Limits(requests=3))
    for _ in range(3):
        admission.pace("10.0.0.7", "", "GET", "/")
    with pytest.raises(TooMany, match="--requests-per-minute"):
        admission.pace("10.0.0.7", "", "GET", "/")
    admission.pace("10.0.0.8", "", "GET", "/")
    admission.pace("10.0.0.7", "rh_token", "GET", "/")
    for _ in range(100):
        admission.pace("127.0.0.1", "", "GET", "/")


def test_one_has_so_many_pages_open(coordinator: Serving) -> None:
    app = make_api(Visitors("127.0.0.1", coordinator.port), admission=Admission(Limits(pages=1)))

    @app.websocket("/open")
    async def stay(socket: WebSocket) -> None:
        await socket.accept()
        await socket.receive()

    with TestClient(app, base_url="http://web.example", client=FAR) as client:
        with client.websocket_connect("/open"):
            with pytest.raises(WebSocketDisconnect), client.websocket_connect("/open"):
                pass
            other = TestClient(app, base_url="http://web.example", client=("10.0.0.8", 1))
            with other.websocket_connect("/open"):
                pass
        with client.websocket_connect("/open"):  # there is room again
            pass
    here = Admission(Limits(pages=1))
    with here.page("127.0.0.1", ""), here.page("127.0.0.1", ""):
        pass


def test_here_there_is_room_for_many_streams() -> None:
    assert Limits().streams == 10 < MOST_OF_ONE


def test_a_server_that_demands_tokens_asks_nobody_for_those_without(counting: FastAPI, coordinator: Serving) -> None:
    admission: Admission = counting.state.admission
    counting.state.visitors = Visitors("127.0.0.1", coordinator.port)
    with TestClient(counting, client=("127.0.0.1", 1), base_url="http://localhost") as here:
        assert here.get("/api/v1/overview").status_code == 200
        admission.demands_tokens = True
        try:
            assert here.get("/api/v1/overview").status_code == 401
            assert here.get("/openapi.json").status_code == 401
            assert here.get("/health").status_code == 200
        finally:
            admission.demands_tokens = False
