"""What `client.py models` does: list the models, export one to a file, predict with one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from client.columns import Column
from client.connecting import connected
from client.feature_file import read_rows
from client.files import check_can_replace
from client.model_files import READABLE, check_model_path
from client.models import Model
from client.printing import print_json, print_lines, print_table
from client.results import run_of
from rpc.errors import BadRequest, ExitCode
from rpc.messages import WorkDetail

_COLUMNS = (
    Column("run"),
    Column("name", cuts=24),
    Column("parent", spare=2),
    Column("layers", cuts=24),
    Column("sha256", spare=1),
    Column("size", is_number=True, spare=3),
    Column("error", is_number=True),
)
_SHOWN_DIGITS = 12  # of a hash


def list_models(args: argparse.Namespace) -> int:
    """Print the completed runs with their models."""
    with connected(args) as session:
        models = session.models(limit=args.limit)
    if args.json:
        print_json([_as_json(each) for each in models])
    else:
        print_table(_COLUMNS, [*map(_row, models)])
    return ExitCode.DONE


def export_model(args: argparse.Namespace) -> int:
    """Write the model of a run to a file."""
    if args.out is not None:
        export_target("", args.format, args.out)  # before anything is asked of the coordinator
    with connected(args) as session:
        run = session.run(args.run)
        target = export_target(run.id, args.format, args.out)
        model = run.model(args.round)
    model.save(target)
    if args.json:
        print_json({"run": run.id, "file": str(target), "model_sha256": model.sha256})
    else:
        print_lines([f"{target}: model sha256 {model.sha256}"])
    return ExitCode.DONE


def export_target(run_id: str, file_format: str | None, out: Path | None) -> Path:
    """Return the file to export to.

    Raises:
        BadRequest: its name and the format do not agree, or it cannot be written.
    """
    target = out or Path(f"{run_id}.{file_format or 'safetensors'}")
    if file_format and target.suffix != f".{file_format}":
        raise BadRequest(f"{target}: does not end in .{file_format}; leave out --format, or name the file so")
    check_model_path(target)
    check_can_replace(target)
    return target


def predict(args: argparse.Namespace) -> int:
    """Print a class for each row of a file."""
    model = _model_of(args)
    x, labels = read_rows(args.file, model.widths[0])
    probabilities = model.predict_proba(x) if args.proba else None
    classes = model.predict(x)
    error = None if labels is None else float(np.mean(classes != labels))
    if args.json:
        print_json(_predictions(classes, probabilities, error), on_one_line=True)
        return ExitCode.DONE
    sys.stdout.writelines(_lines(classes, probabilities))
    if error is not None:
        print(f"error on {len(classes)} labelled rows: {error:.4f}", file=sys.stderr)
    return ExitCode.DONE


def _model_of(args: argparse.Namespace) -> Model:
    """Return the model of a run, or of a file, which needs no coordinator."""
    if Path(args.run).suffix in READABLE:
        return Model.load(args.run)
    with connected(args) as session:
        return session.run(args.run).model(args.round)


def _lines(classes: NDArray[np.int64], probabilities: NDArray[np.float64] | None) -> Iterator[str]:
    if probabilities is None:
        yield from (f"{each}\n" for each in classes.tolist())
        return
    for each, row in zip(classes.tolist(), probabilities.tolist(), strict=True):
        yield f"{each},{','.join(f'{value:.6g}' for value in row)}\n"


def _predictions(
    classes: NDArray[np.int64], probabilities: NDArray[np.float64] | None, error: float | None
) -> dict[str, Any]:
    found: dict[str, Any] = {"classes": classes.tolist()}
    if probabilities is not None:
        found["probabilities"] = probabilities.tolist()
    if error is not None:
        found["error"] = error
    return found


def _row(detail: WorkDetail) -> Sequence[str]:
    row, run = detail.row, run_of(detail)
    layers = "-".join(map(str, run.layers))
    error = "-" if row.validation_error is None else f"{row.validation_error:.4f}"
    parent = f"{run.parent}@{run.parent_round}" if run.parent else "-"
    return row.id, row.name, parent, layers, run.model_sha256[:_SHOWN_DIGITS], f"{run.model_bytes:,}", error


def _as_json(detail: WorkDetail) -> dict[str, Any]:
    row, run = detail.row, run_of(detail)
    return {
        "run": row.id,
        "name": row.name,
        "parent": run.parent,
        "parent_round": run.parent_round,
        "layers": list(run.layers),
        "activation": run.activation,
        "dtype": run.dtype,
        "standardized": bool(len(run.offset)),
        "model_sha256": run.model_sha256,
        "model_bytes": run.model_bytes,
        "validation_error": row.validation_error,
        "ended_ms": row.ended_ms,
    }
