"""Data folders of real programs: one for each."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.cluster import ROOT, Program


@pytest.mark.parametrize("script", ["compute_node.py", "coordinator.py"])
def test_a_data_folder_that_a_node_uses_is_refused_in_one_line(tmp_path: Path, script: str) -> None:
    node = Program("compute_node.py", "0", "--data-dir", str(tmp_path)).serve()
    try:
        command = [sys.executable, script, "0", "--data-dir", str(tmp_path)]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    finally:
        node.stop()
    assert second.returncode == 1
    complaint = f"{tmp_path / 'blobs'} is in use by another node or coordinator; give each its own --data-dir"
    assert second.stderr == f"{script.removesuffix('.py')}: {complaint}\n"


def test_a_coordinator_says_which_database_it_uses(tmp_path: Path) -> None:
    coordinator = Program("coordinator.py", "0", "--data-dir", str(tmp_path)).serve()
    try:
        assert coordinator.next_line() == f"store: SQLite {sqlite3.sqlite_version}, {tmp_path / 'store.db'}"
    finally:
        coordinator.stop()
