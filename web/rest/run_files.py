"""What comes of a run: its model as a file, its answers, its history, its mistakes. On threads."""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from client.exports.history import History, job_history, run_history
from client.exports.text import as_csv, as_json
from client.judging import confusion_of
from client.results import run_of
from rpc.errors import BadRequest
from rpc.run_spec import MAX_ROUNDS
from web.byte_ranges import FILE
from web.rest.door import ItsSession
from web.rest.names import WorkName
from web.rest.run_models import Confusion, Predict, Predicted

router = APIRouter()

Which = Annotated[
    Annotated[int, Query(ge=1, le=MAX_ROUNDS)] | Literal["best", "last"] | None,
    Query(description="A stored round; without it the final model."),
]
Format = Literal["csv", "json"]
_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_EXPORTED: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}, "application/json": {}}}}


@router.get("/runs/{name}/model", tags=["runs"], response_class=Response, responses=FILE)
def get_model(
    session: ItsSession,
    name: WorkName,
    format: Literal["safetensors", "npz", "onnx"] = "safetensors",
    round: Which = None,
) -> Response:
    """The model of a run as a file."""
    run = session.run(name)
    model = run.model(round)
    folder = mkdtemp(prefix="roundhouse-")
    try:
        path = Path(folder, f"{run.id}.{format}")
        model.save(path)
    except BaseException:
        rmtree(folder)
        raise
    headers = {"X-Model-SHA256": model.sha256}
    return FileResponse(
        path,
        headers=headers,
        filename=path.name,
        media_type="application/octet-stream",
        background=BackgroundTask(rmtree, folder),
    )


@router.get("/runs/{name}/confusion", tags=["runs"])
def get_confusion(session: ItsSession, name: WorkName, round: Which = None) -> Confusion:
    """Which classes of the validation set the model of a run takes for which."""
    model, matrix = confusion_of(session.run(name), round)
    rows = int(matrix.sum())
    error = 1.0 - float(np.trace(matrix)) / rows
    return Confusion(model=f"sha256:{model.sha256}", rows=rows, error=error, matrix=matrix.tolist())


@router.post("/runs/{name}/predict", tags=["runs"])
def predict(session: ItsSession, name: WorkName, wanted: Predict, round: Which = None) -> Predicted:
    """The most likely class of each row of features."""
    if len({len(row) for row in wanted.rows}) > 1:
        raise BadRequest("rows: all must have as many features")
    model = session.run(name).model(round)
    x = np.array(wanted.rows, np.float64)
    with np.errstate(all="ignore"):
        shares, classes = model.predict_proba(x), model.predict(x)
    if not np.isfinite(shares).all():
        raise BadRequest("rows: a number is too large for this model")
    return Predicted(classes=classes.tolist(), probabilities=shares.tolist() if wanted.probabilities else None)


@router.get("/runs/{name}/export", tags=["runs"], response_class=Response, responses=_EXPORTED)
def export_run(session: ItsSession, name: WorkName, format: Format = "csv") -> Response:
    """What the rounds of a run brought, for other programs."""
    run = session.run(name)
    detail = run.detail()
    return _export(run_history(detail, run_of(detail), run.spec()), format)


@router.get("/jobs/{name}/export", tags=["jobs"], response_class=Response, responses=_EXPORTED)
def export_job(session: ItsSession, name: WorkName, format: Format = "csv") -> Response:
    """The metrics of a job, for other programs."""
    job = session.job(name)
    return _export(job_history(job.detail(), job.spec(), job.metrics()), format)


def _export(history: History, form: Format) -> Response:
    text = as_csv(history) if form == "csv" else as_json(history)
    headers = {"Content-Disposition": f'attachment; filename="{history.row.id}.{form}"'}
    return Response(text, headers=headers, media_type=_TYPES[form])
