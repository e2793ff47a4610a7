"""What `client.py runs` does: list the runs, show one, draw one, branch from one, remove some."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from client.columns import Column
from client.connecting import connected
from client.export_command import export_run
from client.plots import check_can_plot, plot_run
from client.printing import print_facts, print_json, print_lines, print_table
from client.results import run_of
from client.run_options import given_settings
from client.stored import choose
from client.times import moment
from rpc.errors import ExitCode
from rpc.messages import Checkpoint, RunSpec, WorkDetail, WorkRow

_COLUMNS = (
    Column("run"),
    Column("kind", spare=4),
    Column("name", cuts=24),
    Column("owner", spare=2, cuts=24),
    Column("state"),
    Column("submitted", spare=3),
    Column("round", is_number=True, spare=1),
    Column("error", is_number=True),
)
_DATA = ("name", "shards", "validation", "owner", "parent", "parent_round")  # shown by themselves, or not at all
_ALWAYS = ("rounds", "epochs", "hidden", "eta")


def list_runs(args: argparse.Namespace) -> int:
    """Print a line for each run, the newest first."""
    with connected(args) as session:
        rows = session.runs(limit=args.limit, states=args.state, owner=args.owner)
    if args.json:
        print_json(rows)
    else:
        print_table(_COLUMNS, [*map(_row, rows)], [row.state for row in rows])
    return ExitCode.DONE


def show_run(args: argparse.Namespace) -> int:
    """Print all that is known of a run but its rounds."""
    with connected(args) as session:
        run = session.run(args.run)
        detail, spec, stored = run.detail(), run.spec(), run.checkpoints()
    if args.json:
        print_json(_as_json(detail, spec, stored))
    else:
        print_facts(list(_facts(detail, spec, stored)))
    return ExitCode.DONE


def plot(args: argparse.Namespace) -> int:
    """Draw the curves of a run into a file."""
    if args.out is not None:
        check_can_plot(args.out)  # before anything is asked of the coordinator
    with connected(args) as session:
        run = session.run(args.run)
        target = args.out or Path(f"{run.id}.png")
        check_can_plot(target)
        plot_run(run.detail(), target)
    if args.json:
        print_json({"run": run.id, "file": str(target)})
    else:
        print_lines([str(target)])
    return ExitCode.DONE


def branch(args: argparse.Namespace) -> int:
    """Start a run that goes on from a stored round of another."""
    with connected(args) as session:
        run = session.run(args.run).branch(args.from_round, **given_settings(args))
        detail = run.detail()
    about = run_of(detail)
    if args.json:
        print_json({"id": run.id, "parent": about.parent, "parent_round": about.parent_round})
    else:
        print_lines([f"{run.id}: goes on after round {about.parent_round} of {about.parent}"])
    return ExitCode.DONE


def remove(args: argparse.Namespace) -> int:
    """Have the coordinator forget runs that have ended."""
    with connected(args) as session:
        ids = [row.id for row in session.remove_runs(args.runs)]
    if args.json:
        print_json({"removed": ids})
    else:
        print_lines([f"{each}: removed" for each in ids])
    return ExitCode.DONE


def _row(row: WorkRow) -> Sequence[str]:
    error = "-" if row.validation_error is None else f"{row.validation_error:.4f}"
    kind = "-" if row.kind == "run" else row.kind
    about = (row.id, kind, row.name, row.owner or "-", row.state, moment(row.submitted_ms))
    return *about, f"{row.round}/{row.rounds}", error


def _facts(detail: WorkDetail, spec: RunSpec, stored: Sequence[Checkpoint]) -> Iterator[tuple[str, str]]:
    """What there is to say, as pairs of words."""
    row, run = detail.row, run_of(detail)
    facts = {
        "run": row.id,
        "name": row.name,
        "owner": row.owner,
        "state": row.state,
        "reason": row.reason,
        "waiting for": row.waiting_for,
        "branch of": f"{run.parent}, after round {run.parent_round}" if run.parent else "",
        "submitted": moment(row.submitted_ms),
        "started": moment(row.started_ms),
        "ended": moment(row.ended_ms),
        "rounds": f"{row.round} of {row.rounds}",
        "tasks": f"{row.tasks_done} of {row.tasks_total}, {run.rejections} rejections, {run.retries} retries",
        "error": "" if row.validation_error is None else f"{row.validation_error:.4f}",
        "stored rounds": _stored(stored, row.id),
        "layers": "-".join(map(str, run.layers)),
        "numeric class": run.numeric_class,
        "model sha256": run.model_sha256,
    }
    yield from ((name, text) for name, text in facts.items() if text)
    yield from ((f"setting {name}", _said(value)) for name, value in _settings(spec).items())


def _said(value: object) -> str:
    """A setting as it is given on the command line."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={each}" for name, each in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _stored(stored: Sequence[Checkpoint], run_id: str) -> str:
    if not stored:
        return ""
    best = choose(stored, "best", run_id).round
    return ", ".join(f"{each.round} (best)" if each.round == best else str(each.round) for each in stored)


def _settings(spec: RunSpec) -> dict[str, Any]:
    """What makes the run another one than the simplest."""
    usual = {field.name: field.default for field in dataclasses.fields(RunSpec)}
    values = {name: value for name, value in dataclasses.asdict(spec).items() if name not in _DATA}
    return {name: value for name, value in values.items() if name in _ALWAYS or (value and value != usual[name])}


def _as_json(detail: WorkDetail, spec: RunSpec, stored: Sequence[Checkpoint]) -> dict[str, Any]:
    run = run_of(detail)
    about = {name: getattr(run, name) for name in ("parent", "parent_round", "rejections", "retries", "model_sha256")}
    return {
        **dataclasses.asdict(detail.row),
        **about,
        "layers": list(run.layers),
        "numeric_class": run.numeric_class,
        "tasks_by_node": dict(run.tasks_by_node),
        "checkpoints": [dataclasses.asdict(each) for each in stored],
        "settings": dataclasses.asdict(spec),
    }


RUN_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "runs list": list_runs,
    "runs show": show_run,
    "runs plot": plot,
    "runs branch": branch,
    "runs remove": remove,
    "runs export": export_run,
}
