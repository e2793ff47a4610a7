"""A coordinator whose store is not there yet waits for it, and says so; for how long is an option."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from time import monotonic

from tests.coordinator.store.postgres_server import PostgresServer
from tests.system.cluster import ROOT, Program, wait_until


def test_a_coordinator_waits_for_a_server_that_starts_later(
    postgres: PostgresServer, postgres_database: str, tmp_path: Path
) -> None:
    postgres.stop()
    try:
        arguments = ("0", "--store", postgres_database, "--data-dir", str(tmp_path))
        coordinator = Program("coordinator.py", *arguments)
        wait_until(lambda: any(line.endswith("; trying again for 60 s") for line in coordinator.stderr), "it says so")
    finally:
        postgres.start()
    try:
        coordinator.serve()
        assert coordinator.stderr[-1].endswith("the store is back")
    finally:
        coordinator.stop()


def test_a_coordinator_waits_for_a_file_that_is_locked_and_then_says_what_is_the_matter(tmp_path: Path) -> None:
    Program("coordinator.py", "0", "--data-dir", str(tmp_path)).serve().stop()
    command = [sys.executable, "coordinator.py", "0", "--data-dir", str(tmp_path), "--store-wait", "1"]
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        started = monotonic()
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
        assert 1.0 < monotonic() - started < 10.0
    last = ended.stderr.splitlines()[-1]
    assert (ended.returncode, ended.stdout) == (1, "")
    assert last.startswith(f"coordinator: store {tmp_path / 'store.db'}: database is locked; work goes on when it is ")
    assert last.endswith("; it was not within 1 s, --store-wait waits longer")
