"""Fixtures: the app in this process, before a fake coordinator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.client.fake import Serving, serving
from web.admission import Admission, Limits
from web.api import make_api
from web.visitors import Visitors


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "blobs") as served:
        yield served


@pytest.fixture(scope="session")
def app() -> FastAPI:
    """One for all tests: it describes itself, which takes as long as many of them."""
    return make_api(Visitors("127.0.0.1", 0), admission=Admission(Limits(requests=0, submits=0, streams=0)))


@pytest.fixture
def http(app: FastAPI, coordinator: Serving) -> Iterator[httpx.Client]:
    app.state.visitors = Visitors("127.0.0.1", coordinator.port)
    app.state.classic_jobs.clear()
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
