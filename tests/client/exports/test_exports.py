"""Exports of real histories, read back by the programs that they are for."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest

from client.exports.history import History, Point, job_history, run_history
from client.exports.mlflow import write_run
from client.exports.tensorboard import write_events
from client.exports.text import as_csv, as_json
from rpc.errors import BadRequest, TrainerError
from rpc.messages import DataFile, Metric, RoundRow, RunDetail, RunSpec, ScriptSpec, WorkDetail, WorkRow

# MLflow asks SQLAlchemy for what that deprecates.
of_mlflow = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

ROW = WorkRow("run-x-1", "run", "letters", "completed", started_ms=1_000_000, ended_ms=1_003_000, owner="ada")
FILE = DataFile("train_letters1.txt", "sha256:1", 7)
SPEC = RunSpec("letters", (FILE,), FILE, rounds=2, epochs=3, hidden=(4, 5), eta=0.5)
ROUNDS = (
    RoundRow(1, 0.5, 0.7, 2.5, seconds=1.0, tasks=4),
    RoundRow(2, 0.25, nan, 1.25, seconds=2.0, tasks=4, retries=1),
)
RUN = run_history(WorkDetail(ROW, RunDetail(ROUNDS)), RunDetail(ROUNDS), SPEC)
METRICS = (
    Metric(1, "=cmd()", 0, 1.0, 1_000_500),
    Metric(2, "loss", 2, 0.5, 1_001_500),
    Metric(3, "loss", 1, 0.75, 1_001_000),
    Metric(4, "loss", 3, inf, 1_002_000),
)
JOB_ROW = replace(ROW, id="job-x-1", kind="script", name="a job")
JOB = job_history(WorkDetail(JOB_ROW), ScriptSpec("a job", DataFile("b.zip", "sha256:2", 9)), METRICS)


def test_a_table_has_a_line_for_each_step_and_a_cell_where_there_is_a_value() -> None:
    first, second = csv.DictReader(io.StringIO(as_csv(RUN)))
    assert (first["step"], first["validation_error"], first["tasks"]) == ("1", "0.5", "4")
    assert (second["validation_loss"], second["train_loss"], second["retries"]) == ("", "1.25", "1")


def test_a_name_that_a_spreadsheet_would_compute_is_only_text() -> None:
    assert as_csv(JOB) == "step,'=cmd(),loss\n0,1,\n1,,0.75\n2,,0.5\n"


def test_json_holds_what_was_asked_for_and_every_value_with_its_time() -> None:
    about = json.loads(as_json(RUN))
    assert about["work"]["id"] == "run-x-1"
    assert about["settings"]["hidden"] == [4, 5] and about["settings"]["shards"] == ["train_letters1.txt"]
    assert about["series"]["validation_error"] == [[1, 0.5, 1_001_000], [2, 0.25, 1_003_000]]
    assert json.loads(as_json(JOB))["series"]["loss"] == [[1, 0.75, 1_001_000], [2, 0.5, 1_001_500]]


def test_tensorboard_reads_its_event_files(tmp_path: Path) -> None:
    folder = write_events(RUN, tmp_path)
    assert folder == tmp_path / "run-x-1"
    read = """
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
seen = EventAccumulator(sys.argv[1])
seen.Reload()
print([(each.step, each.value, each.wall_time) for each in seen.Scalars("validation_error")])
print(seen.Tags()["tensors"])
"""
    told = subprocess.run([sys.executable, "-c", read, str(folder)], capture_output=True, text=True, timeout=60)
    points, texts = told.stdout.splitlines()
    assert points == "[(1, 0.5, 1001.0), (2, 0.25, 1003.0)]", told.stderr
    assert "settings" in texts
    with pytest.raises(BadRequest, match="holds something already; remove it"):
        write_events(RUN, tmp_path)


@of_mlflow
def test_mlflow_tells_parameters_metrics_and_the_end_and_a_second_export_replaces_the_first(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    first = write_run(RUN, uri)
    second = write_run(RUN, uri)
    job = write_run(JOB, uri)
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    (place,) = [each.experiment_id for each in client.search_experiments() if each.name == "roundhouse"]
    assert {each.info.run_id for each in client.search_runs([place])} == {second, job} != {first, job}
    about = client.get_run(second)
    assert about.data.params["hidden"] == "[4, 5]" and about.data.params["eta"] == "0.5"
    assert (about.info.status, about.info.start_time, about.info.end_time) == ("FINISHED", 1_000_000, 1_003_000)
    history = client.get_metric_history(second, "validation_error")
    assert sorted((each.step, each.value, each.timestamp) for each in history) == [
        (1, 0.5, 1_001_000),
        (2, 0.25, 1_003_000),
    ]
    assert client.get_metric_history(job, "_cmd__")[0].value == 1.0


@of_mlflow
@pytest.mark.parametrize("name", ["a//b", "/a", "../../a", "a/", "/", "", "x" * 300, "x" * 249 + "/y", "a\\b:c%"])
def test_whatever_a_job_calls_its_metrics_arrives(name: str, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    run = write_run(History(ROW, {}, (Point(name, 1, 0.5, 1000),)), uri)
    from mlflow import MlflowClient

    assert [*MlflowClient(tracking_uri=uri).get_run(run).data.metrics.values()] == [0.5]


@of_mlflow
def test_more_points_than_one_request_takes_all_arrive(tmp_path: Path) -> None:
    many = History(ROW, {}, tuple(Point("loss", step, float(step), 1000 + step) for step in range(2500)))
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    run = write_run(many, uri)
    from mlflow import MlflowClient

    assert len(MlflowClient(tracking_uri=uri).get_metric_history(run, "loss")) == 2500


@of_mlflow
def test_a_store_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    uri = f"sqlite:///{tmp_path}/file/mlflow.db"
    with pytest.raises(TrainerError, match=rf"^MLflow at {uri}: .*file"):
        write_run(RUN, uri)
