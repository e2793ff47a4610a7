"""The client's command line: what each command does."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from client.access import access_to
from client.api import Session
from client.arguments import parse, spec_from
from client.connecting import connected
from client.doctor.command import DOCTOR_COMMANDS
from client.event_commands import list_events, tell_why
from client.following import follow, remark, start_and_follow
from client.interrupts import raise_on_sigterm
from client.job_commands import JOB_COMMANDS
from client.job_following import see_it_end, see_them_end, tell_it_goes_on
from client.jobs import ARRAY, SCRIPT, Job
from client.link import Link, told_server
from client.log_commands import print_log
from client.login_commands import LOGIN_COMMANDS
from client.model_commands import export_model, list_models, predict
from client.node_commands import NODE_COMMANDS
from client.outputs import Wanted, deliver
from client.printing import print_json, print_lines
from client.report import make_report
from client.run_commands import RUN_COMMANDS
from client.runs import Run
from client.schedule_commands import SCHEDULE_COMMANDS
from client.slow_cancels import told_meanwhile
from client.status import print_status
from client.submit_command import submit
from client.token_commands import TOKEN_COMMANDS
from client.upload import find_data
from client.verify_command import verify
from client.watching import watch_everything
from client.webhook_commands import WEBHOOK_COMMANDS
from rpc.errors import BadRequest, ExitCode
from rpc.messages import RunSpec, WorkRow
from rpc.program import exit_status, set_up_logging
from rpc.tls_options import trust_from

_TIMEOUT_S = 30.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status. Belongs in the main thread, because of Ctrl-C."""
    return exit_status("client", lambda: _run(parse(sys.argv[1:] if argv is None else argv)))


def _run(args: argparse.Namespace) -> int:
    set_up_logging(args.log_level, args.log_file)
    raise_on_sigterm()
    if hasattr(args, "server"):
        told_server(args.server)
    return _COMMANDS[args.command](args)


def _train(args: argparse.Namespace) -> int:
    spec, wanted = spec_from(args), _wanted(args)
    dataset = find_data(args.dir)
    access = access_to(args.host, args.port, args.token_file, trust_from(args))
    link = Link(args.host, args.port, timeout_s=_TIMEOUT_S, access=access)
    link.open()
    with Session(link) as session:
        with make_report(args.quiet) as report:
            started_at = time.monotonic()
            spec = session.send_data(spec, dataset, report.on_sent)
            upload_s = time.monotonic() - started_at
            run = start_and_follow(lambda: _start(session, spec), link, report)
        deliver(run, wanted, spec, upload_s)
    return ExitCode.DONE


def _start(session: Session, spec: RunSpec) -> Run:
    run = session.start(spec)
    _tell_of_other_settings(run, spec)
    return run


def _tell_of_other_settings(run: Run, spec: RunSpec) -> None:
    """Say that the run which the key of `spec` names is not what was asked for now."""
    if spec.key:
        asked = replace(spec, name="", priority=0)
        if replace(run.spec(), name="", priority=0, owner=spec.owner, key=spec.key) != asked:
            remark(f"key {spec.key} is of {run.id}, submitted before with other settings")


def _watch(args: argparse.Namespace) -> int:
    if not args.id:
        for option in ("save", "timing"):
            if getattr(args, option) is not None:
                raise BadRequest(f"--{option} is of one run: name it, as in `client.py watch RUN --{option} FILE`")
        return watch_everything(args)
    wanted = _wanted(args)
    with connected(args) as session:
        run = session.run(args.id)
        if (kind := run.detail().row.kind) in (SCRIPT, ARRAY):
            return _watch_job(session.job(run.id), args, is_array=kind == ARRAY)
        try:
            with make_report(args.quiet) as report:
                follow(run, report)
        except KeyboardInterrupt:
            remark(f"{run.id} goes on; `client.py cancel {run.id}` ends it")
            raise
        deliver(run, wanted)
    return ExitCode.DONE


def _watch_job(job: Job, args: argparse.Namespace, *, is_array: bool) -> int:
    if args.save or args.timing:
        raise BadRequest(f"{job.id} is a script job: `client.py artifacts {job.id}` fetches what it leaves")
    try:
        if is_array:
            see_them_end(job, as_json=args.json, quiet=args.quiet)
        else:
            see_it_end(job, with_log=not args.quiet, as_json=args.json)
    except KeyboardInterrupt:
        tell_it_goes_on(job)
        raise
    return ExitCode.DONE


def _status(args: argparse.Namespace) -> int:
    with connected(args) as session:
        overview = session.glance()
    if args.json:
        print_json(overview)
    else:
        print_status(overview, sys.stdout)
    return ExitCode.DONE


def _cancel(args: argparse.Namespace) -> int:
    with connected(args) as session, told_meanwhile([args.id]):
        return _tell_cancelled(session.cancel(args.id), args)


def _cancel_run(args: argparse.Namespace) -> int:
    with connected(args) as session, told_meanwhile([args.id]):
        return _tell_cancelled(session.run(args.id).cancel(), args)


def _tell_cancelled(row: WorkRow, args: argparse.Namespace) -> int:
    if args.json:
        print_json({"id": row.id, "state": row.state}, on_one_line=True)
    else:
        print_lines([f"{row.id}: {row.state}"])
    return ExitCode.DONE


def _wanted(args: argparse.Namespace) -> Wanted:
    wanted = Wanted(save=args.save, timing=args.timing, as_json=args.json)
    wanted.check()
    return wanted


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "train": _train,
    "status": _status,
    "watch": _watch,
    "cancel": _cancel,
    "runs watch": _watch,
    "runs cancel": _cancel_run,
    "events": list_events,
    "why": tell_why,
    **RUN_COMMANDS,
    "runs verify": verify,
    "submit": submit,
    "logs": print_log,
    **JOB_COMMANDS,
    "models list": list_models,
    "models export": export_model,
    "models predict": predict,
    **NODE_COMMANDS,
    **SCHEDULE_COMMANDS,
    **WEBHOOK_COMMANDS,
    **TOKEN_COMMANDS,
    **LOGIN_COMMANDS,
    **DOCTOR_COMMANDS,
}
