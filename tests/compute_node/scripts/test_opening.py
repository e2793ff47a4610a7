"""Tests of what a node makes of its data folder before it takes script jobs, and says of its sandboxes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from compute_node.scripts.opening import clear, try_sandboxes
from compute_node.scripts.settings import ScriptSettings


def test_what_jobs_said_and_left_is_not_for_other_jobs(tmp_path: Path) -> None:
    (tmp_path / "job-logs").mkdir(0o755)
    clear(tmp_path)
    assert {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("job-logs", "job-artifacts")} == {
        "job-logs": 0o700,
        "job-artifacts": 0o700,
    }


@pytest.mark.parametrize("wanted", [{"image": "python:3.11"}, {"build_images": True}, {}])
def test_an_engine_that_the_owner_counts_on_and_is_not_there_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wanted: dict[str, str]
) -> None:
    engine = f"unix://{tmp_path}/nobody.sock"
    with caplog.at_level(logging.WARNING):
        try_sandboxes(tmp_path, ScriptSettings(engine=engine, **wanted))  # type: ignore[arg-type]
    told = [record.getMessage() for record in caplog.records if "nobody.sock" in record.getMessage()]
    assert len(told) == bool(wanted)
