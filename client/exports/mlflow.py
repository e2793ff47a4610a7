"""Histories as runs of MLflow (the extra `mlflow`): parameters, metrics with their history, tags."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from client.exports.history import History
from rpc.errors import TrainerError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_METRICS, _PARAMETERS = 1000, 100  # that one request may carry
_MOST_TEXT = 500  # of a parameter
_MOST_NAME = 250  # of a metric
_NOT_IN_NAMES = re.compile(r"[^\w\-. /]")
_STATES = {"completed": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
_TAG = "roundhouse.id"


def check_can_write() -> None:
    """Raise TrainerError if what it needs is not installed."""
    try:
        import mlflow  # noqa: F401
    except ModuleNotFoundError as error:
        raise TrainerError("MLflow needs mlflow-skinny: pip install 'roundhouse[mlflow]'") from error


def write_run(history: History, uri: str, experiment: str = "roundhouse") -> str:
    """Make the work a run of an experiment at a tracking server or store; return that run's id.

    One that an earlier export made of the same work is replaced.

    Args:
        uri: `http://...`, or a database: `sqlite:///FILE`.

    Raises:
        TrainerError: the server or store does not take it; says why.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nobody but `uri` is to hear of the work
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # and not minutes are to pass where nobody is
    from mlflow import MlflowClient  # late: it takes as long to load as all else of the client
    from mlflow.exceptions import MlflowException

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    try:
        return _write(history, MlflowClient(tracking_uri=uri), experiment)
    except (MlflowException, OSError) as error:
        raise TrainerError(f"MLflow at {uri}: {str(error).splitlines()[0]}") from error


def _write(history: History, client: MlflowClient, experiment: str) -> str:
    known = client.get_experiment_by_name(experiment)
    place = client.create_experiment(experiment) if known is None else known.experiment_id
    for earlier in client.search_runs([place], f"tags.`{_TAG}` = '{history.row.id}'"):
        client.delete_run(earlier.info.run_id)
    row = history.row
    tags = {_TAG: row.id, "roundhouse.kind": row.kind, "roundhouse.owner": row.owner, "roundhouse.reason": row.reason}
    made = client.create_run(place, start_time=row.started_ms or row.submitted_ms, tags=tags, run_name=row.name)
    run: str = made.info.run_id
    _log(client, run, history)
    if row.state in _STATES:
        client.set_terminated(run, _STATES[row.state], row.ended_ms)
    return run


def _log(client: MlflowClient, run: str, history: History) -> None:
    from mlflow.entities import Metric, Param

    parameters = (Param(name, _text(value)) for name, value in history.settings.items())
    while some := list(islice(parameters, _PARAMETERS)):
        client.log_batch(run, params=some)
    metrics: Iterator[Any] = (
        Metric(_name(point.series), point.value, point.at_ms, point.step) for point in history.points
    )
    while several := list(islice(metrics, _METRICS)):
        client.log_batch(run, metrics=several)


def _name(series: str) -> str:
    """A series' name as MLflow takes it: a path that needs no tidying, of 250 characters at most."""
    parts = (part for part in _NOT_IN_NAMES.sub("_", series).split("/") if part not in ("", ".", ".."))
    return "/".join(parts)[:_MOST_NAME].rstrip("/") or "_"


def _text(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 3]}..."
