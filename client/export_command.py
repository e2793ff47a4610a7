"""`client.py runs export` and `jobs export`: what a run or job told over time, for other programs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from client.api import Session
from client.connecting import connected
from client.exports import mlflow, tensorboard
from client.exports.history import History, job_history, run_history
from client.exports.text import as_csv, as_json
from client.files import check_can_replace, replace_file
from client.printing import print_json, print_lines
from client.results import run_of
from client.subcommand import EXPORTS
from rpc.errors import BadRequest, ExitCode

_TEXTS: dict[str, Callable[[History], str]] = {"csv": as_csv, "json": as_json}


def export_run(args: argparse.Namespace) -> int:
    """Export the rounds of a run."""
    return _export(args, _of_run)


def export_job(args: argparse.Namespace) -> int:
    """Export what a job told of itself."""
    return _export(args, _of_job)


def _export(args: argparse.Namespace, ask: Callable[[Session, str], History]) -> int:
    form = args.format or _form_of(args.out)
    _check(form, args.out)  # before anything is asked of the coordinator
    with connected(args) as session:
        history = ask(session, args.id)
    where = _write(history, form, args.out)
    if args.json:
        print_json({"id": history.row.id, "format": form, "to": where, "points": len(history.points)})
    else:
        print_lines([where])
    return ExitCode.DONE


def _of_run(session: Session, name: str) -> History:
    run = session.run(name)
    detail = run.detail()
    return run_history(detail, run_of(detail), run.spec())


def _of_job(session: Session, name: str) -> History:
    job = session.single_job(name)
    return job_history(job.detail(), job.spec(), job.metrics())


def _form_of(to: str | None) -> str:
    form = "csv" if to is None else Path(to).suffix.removeprefix(".")
    if form not in _TEXTS:
        raise BadRequest(f"{to}: say with --format what that is to become: {', '.join(EXPORTS)}")
    return form


def _check(form: str, to: str | None) -> None:
    if form == "tensorboard":
        tensorboard.check_can_write()
    elif form == "mlflow":
        mlflow.check_can_write()
        if to is None:
            raise BadRequest("say with --out which server or database of MLflow is meant, as in sqlite:///mlflow.db")
    elif to is not None:
        check_can_replace(Path(to))


def _write(history: History, form: str, to: str | None) -> str:
    """Write the history; return where it is now, for people."""
    if form == "tensorboard":
        return str(tensorboard.write_events(history, Path(to or ".")))
    if form == "mlflow":
        return f"run {mlflow.write_run(history, to or '')} at {to}"
    path = Path(to or f"{history.row.id}.{form}")
    text = _TEXTS[form](history)
    replace_file(path, lambda scratch: _save(scratch, text))
    return str(path)


def _save(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")
