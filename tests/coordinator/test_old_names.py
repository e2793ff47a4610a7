"""The variable of older systems for the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.old_names import store_of
from tests.system.cluster import Program


@pytest.mark.parametrize(
    ("url", "store"),
    [
        ("postgres://u:p@db/x", "postgresql+psycopg://u:p@db/x"),
        ("postgresql://db/x?a=1", "postgresql+psycopg://db/x?a=1"),
        ("postgresql+psycopg2://db/x", "postgresql+psycopg://db/x"),
        ("postgresql+psycopg://db/x", "postgresql+psycopg://db/x"),
        ("sqlite:///app.db", "sqlite:///app.db"),
    ],
)
def test_the_database_of_an_older_system_is_the_store(url: str, store: str) -> None:
    assert store_of({"DATABASE_URL": url}) == (store, "DATABASE_URL is --store now")


def test_one_that_cannot_be_a_store_is_said_not_to_be_used_and_its_password_is_not_told() -> None:
    store, remark = store_of({"DATABASE_URL": "mysql://u:hush@db/x"})
    assert store == "" and "DATABASE_URL is not used" in remark and "hush" not in remark
    assert store_of({}) == store_of({"DATABASE_URL": ""}) == ("", "")


def test_a_coordinator_keeps_its_store_where_the_variable_says(tmp_path: Path) -> None:
    file = tmp_path / "app.db"
    environment = {"DATABASE_URL": f"sqlite:///{file}"}
    program = Program("coordinator.py", "0", "--data-dir", str(tmp_path / "data"), environment=environment).serve()
    try:
        assert file.exists() and not (tmp_path / "data" / "store.db").exists()
        assert any("DATABASE_URL is --store now" in line for line in program.stderr)
    finally:
        program.stop()
