"""Fixtures: the app in this process, before a fake coordinator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.client.fake import Serving, serving
from web.api import make_api
from web.door import Door
from web.live import Live


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "blobs") as served:
        yield served


@pytest.fixture(scope="session")
def app() -> FastAPI:
    """One for all tests: it describes itself, which takes as long as many of them."""
    return make_api(Door("127.0.0.1", 0))


@pytest.fixture
def http(app: FastAPI, coordinator: Serving) -> Iterator[httpx.Client]:
    app.state.door.port = coordinator.port
    app.state.live = Live(app.state.door)
    app.state.classic_jobs.clear()
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
