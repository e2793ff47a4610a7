"""`client.py runs export` and `jobs export`: where what goes, and what is asked for wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from rpc.errors import ExitCode
from tests.client.conftest import RunClient
from tests.client.fake import RUN_ID, Serving
from tests.client.fake_jobs import JOB_ID


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_file_says_by_its_name_what_it_becomes(coordinator: Serving, run_client: RunClient, tmp_path: Path) -> None:
    for name in ("rounds.csv", "rounds.json"):
        ended = run_client("runs", "export", RUN_ID, "--out", name, "--server", coordinator.address)
        assert (ended.status, ended.out) == (ExitCode.DONE, f"{name}\n"), ended.err
    assert (tmp_path / "rounds.csv").read_text().startswith("step,validation_error,")
    assert (tmp_path / "rounds.json").read_text().startswith('{\n  "work": {')


def test_without_a_word_it_is_a_table_named_after_the_job(
    coordinator: Serving, run_client: RunClient, tmp_path: Path
) -> None:
    ended = run_client("jobs", "export", JOB_ID, "--server", coordinator.address)
    assert (ended.status, ended.out) == (ExitCode.DONE, f"{JOB_ID}.csv\n"), ended.err
    assert (tmp_path / f"{JOB_ID}.csv").read_text().startswith("step,")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--out", "rounds.xlsx"), "say with --format what that is to become: csv, json, tensorboard, mlflow"),
        (("--format", "mlflow"), "say with --out which server or database of MLflow is meant"),
        (("--out", "no/such/rounds.csv"), "no/such"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    coordinator: Serving, run_client: RunClient, options: tuple[str, ...], said: str
) -> None:
    ended = run_client("runs", "export", RUN_ID, *options, "--server", coordinator.address)
    assert ended.status == ExitCode.USAGE and ended.out == ""
    assert said in ended.err and ended.err.count("\n") == 1
