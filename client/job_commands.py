"""What `client.py jobs` and `artifacts` do: list the script jobs, show, cancel, repeat one, fetch what it has left."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from client.columns import Column
from client.connecting import connected
from client.export_command import export_job
from client.following import remark
from client.jobs import job_of, value_in
from client.printing import print_facts, print_json, print_lines, print_table
from client.results import FINAL_STATES, seconds_of
from client.sizes import size
from client.slow_cancels import told_meanwhile
from client.status import members_line, work_note
from client.times import moment, took
from rpc.errors import ExitCode, FailureKind
from rpc.messages import DataFile, Metric, ScriptSpec, ScriptUsage, WorkDetail, WorkRow

_COLUMNS = (
    Column("job"),
    Column("name", cuts=24),
    Column("owner", spare=2, cuts=24),
    Column("state"),
    Column("submitted", spare=3),
    Column("took", is_number=True, spare=1),
    Column("about", cuts=40),
)
_ARTIFACT_COLUMNS = (Column("name"), Column("size", is_number=True), Column("sha256", spare=1))
_SHOWN_DIGITS = 12  # of a hash
_APART = ("name", "owner", "key", "bundle", "datasets", "env", "inline_code")  # shown by themselves, or not at all


def list_jobs(args: argparse.Namespace) -> int:
    """Print a line for each job, the newest first."""
    with connected(args) as session:
        rows = session.jobs(
            limit=args.limit, states=args.state, owner=args.owner, array=args.array or "", with_members=args.members
        )
    if args.json:
        print_json([dataclasses.asdict(row) | {"result": value_in(row)} for row in rows])
    else:
        print_table(_COLUMNS, [*map(_row, rows)], [row.state for row in rows])
    return ExitCode.DONE


def show_job(args: argparse.Namespace) -> int:
    """Print all that is known of a job but its log."""
    with connected(args) as session:
        job = session.job(args.job)
        detail = job.detail()
        metrics = () if detail.row.members else job.metrics()
    if args.json:
        print_json(job_as_json(detail, metrics))
    else:
        print_facts(list(_facts(detail, metrics)))
    return ExitCode.DONE


def cancel_jobs(args: argparse.Namespace) -> int:
    """Cancel jobs: none, if one of them is not known."""
    with connected(args) as session, told_meanwhile(args.jobs):
        rows = session.cancel_jobs(args.jobs)
    if args.json:
        print_json({"cancelled": [{"id": row.id, "state": row.state} for row in rows]})
    else:
        print_lines([f"{row.id}: {row.state}" for row in rows])
    return ExitCode.DONE


def remove_jobs(args: argparse.Namespace) -> int:
    """Have the coordinator forget jobs that have ended."""
    with connected(args) as session:
        ids = [row.id for row in session.remove_runs([session.job(name).id for name in args.jobs])]
    if args.json:
        print_json({"removed": ids})
    else:
        print_lines([f"{each}: removed" for each in ids])
    return ExitCode.DONE


def retry_job(args: argparse.Namespace) -> int:
    """Submit a job anew, or those of an array that failed."""
    with connected(args) as session:
        old = session.job(args.job).id
        new = session.retry(old)
    if args.json:
        print_json({"id": new.id, "retry_of": old})
    else:
        print_lines([new.id])
    return ExitCode.DONE


def list_or_fetch_artifacts(args: argparse.Namespace) -> int:
    """Print what a job has left, or write it to files."""
    with connected(args) as session:
        job = session.single_job(args.job)
        if not (args.get or args.out):
            _print_artifacts(job.artifacts(), args)
            return ExitCode.DONE
        files = job.fetch(args.out or Path(), args.get, force=args.force)
    if args.json:
        print_json({"job": job.id, "files": [str(file) for file in files]})
    elif files:
        print_lines([str(file) for file in files])
    else:
        remark(f"{job.id} has left nothing in out/")
    return ExitCode.DONE


def job_as_json(detail: WorkDetail, metrics: Sequence[Metric]) -> dict[str, Any]:
    """Return all that is known of a job but its log."""
    job = job_of(detail)
    about = {name: getattr(job, name) for name in ("node", "sandbox", "phase", "attempts", "status", "usage")}
    return {
        **dataclasses.asdict(detail.row),
        **about,
        "result": value_in(detail.row),
        "artifacts": [_artifact_as_json(each) for each in job.artifacts],
        "last_lines": list(job.last_lines),
        "log_bytes": job.log_bytes,
        "metrics": list(metrics),
        "settings": job.spec,
        "failures": [{"id": each.id, "reason": each.reason} for each in detail.failures],
    }


def _print_artifacts(left: Sequence[DataFile], args: argparse.Namespace) -> None:
    if args.json:
        print_json([_artifact_as_json(each) for each in left])
    else:
        rows = [(each.file, f"{each.size:,}", _sha256(each)[:_SHOWN_DIGITS]) for each in left]
        print_table(_ARTIFACT_COLUMNS, rows)


def _artifact_as_json(left: DataFile) -> dict[str, Any]:
    return {"name": left.file, "size_bytes": left.size, "sha256": _sha256(left)}


def _sha256(file: DataFile) -> str:
    return file.blob.removeprefix("sha256:")


def _row(row: WorkRow) -> Sequence[str]:
    lasted = took(seconds_of(row)) if row.ended_ms else "-"
    return row.id, row.name, row.owner or "-", row.state, moment(row.submitted_ms), lasted, work_note(row) or "-"


def _facts(detail: WorkDetail, metrics: Sequence[Metric]) -> Iterator[tuple[str, str]]:
    """What there is to say, as pairs of words."""
    row, job = detail.row, job_of(detail)
    has_ended = row.state in FINAL_STATES
    is_without_start = row.failure == FailureKind.SETUP_FAILED
    facts = {
        "job": row.id,
        "name": row.name,
        "owner": row.owner,
        "state": row.state,
        "reason": row.reason,
        "jobs": members_line(row.members),
        "array": f"{row.array_id}, index {row.array_index}" if row.array_id else "",
        "waiting for": row.waiting_for,
        "phase": "" if has_ended else job.phase,
        "node": job.node,
        "sandbox": job.sandbox,
        "attempts": str(job.attempts) if job.attempts > 1 else "",
        "exit status": str(job.status) if has_ended and job.node and not is_without_start else "",
        "submitted": moment(row.submitted_ms),
        "started": moment(row.started_ms),
        "ended": moment(row.ended_ms),
        "used": _usage(job.usage),
        "log": f"{job.log_bytes:,} bytes" if job.log_bytes else "",
        "result": row.result,
        "artifacts": ", ".join(each.file for each in job.artifacts),
    }
    yield from ((name, text) for name, text in facts.items() if text)
    for failed in detail.failures:
        yield "failed", f"{failed.id}: {failed.reason}"
    yield from ((f"metric {each.name}", f"{each.value:g} at {each.step}") for each in _latest(metrics))
    yield from ((f"setting {name}", _said(value)) for name, value in _settings(job.spec).items())
    yield from (("" if n else "last lines", line) for n, line in enumerate(job.last_lines))


def _usage(usage: ScriptUsage) -> str:
    """What a job has used, at most; empty if nothing is known."""
    if not (usage.cpu_s or usage.peak_memory_bytes):
        return ""
    gpu = f", {size(usage.peak_gpu_memory_bytes)} of GPU memory" if usage.peak_gpu_memory_bytes else ""
    used = f"{usage.cpu_s:.1f} s of processor, {size(usage.peak_memory_bytes)} of memory"
    return f"{used}, {size(usage.peak_disk_bytes)} of disk{gpu}"


def _latest(metrics: Sequence[Metric]) -> Sequence[Metric]:
    """The last one of each name."""
    return [*{each.name: each for each in metrics}.values()]


def _settings(spec: ScriptSpec) -> dict[str, Any]:
    """What makes the job another one than the simplest; of its variables only the names, as they may be secret."""
    usual = {field.name: field.default for field in dataclasses.fields(ScriptSpec)}
    values = {name: getattr(spec, name) for name in usual if name not in _APART}
    changed = {name: value for name, value in values.items() if value != usual[name] and (value or name == "retries")}
    apart = {"env": tuple(spec.env), "datasets": tuple(each.file for each in spec.datasets)}
    return changed | {name: value for name, value in apart.items() if value}


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}={each}" for name, each in value.items())
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


JOB_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "artifacts": list_or_fetch_artifacts,
    "jobs list": list_jobs,
    "jobs show": show_job,
    "jobs get": show_job,
    "jobs cancel": cancel_jobs,
    "jobs retry": retry_job,
    "jobs remove": remove_jobs,
    "jobs export": export_job,
}
