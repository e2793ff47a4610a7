"""Fixtures: the app in this process, before a fake coordinator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient

from tests.client.fake import Serving, serving
from web.app import make_app
from web.door import Door


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "blobs") as served:
        yield served


@pytest.fixture
def http(coordinator: Serving) -> Iterator[httpx.Client]:
    with TestClient(make_app(Door("127.0.0.1", coordinator.port)), raise_server_exceptions=False) as client:
        yield client
