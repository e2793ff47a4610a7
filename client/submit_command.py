"""What `client.py submit` does: sends a program, starts it, and follows it to its end if that is wanted."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

from client.api import Session
from client.connecting import connected
from client.following import remark
from client.interrupts import interrupts_held
from client.job_files import Package
from client.job_following import see_it_end, see_them_end, tell_it_goes_on
from client.job_options import settings_of
from client.job_settings import Program, spec_of
from client.jobs import Job
from client.printing import print_json, print_lines
from client.report import make_report
from client.schedule_commands import add_schedule, check_wanted
from rpc.errors import BadRequest, ExitCode
from rpc.messages import ScriptSpec
from rpc.program import Unread

_ONE_WORD = re.compile(r"[\w.~/\\-]+")  # no program: the name of something that is not there


def submit(args: argparse.Namespace) -> int:
    """Start a job; the exit status tells how it ended, where that is waited for."""
    check_wanted(args)
    if args.follow and hasattr(args, "array"):
        raise BadRequest("--follow prints what one job prints; use --wait with --array, and `client.py logs ARRAY/1`")
    program = program_of(args)
    spec = spec_of(program, **settings_of(args))
    with connected(args) as session:
        with Package(program, spec) as package, make_report(args.json) as report:
            spec = session.send_package(package, report.on_sent)
        if args.cron is None:
            _start(session, spec, args)
        else:
            add_schedule(session, spec, args)
    return ExitCode.DONE


def _start(session: Session, spec: ScriptSpec, args: argparse.Namespace) -> None:
    """Start it, and see it end if that is wanted; an interrupt leaves it at work."""
    job: Job | None = None
    try:
        with interrupts_held():
            job = session.start_script(spec)
            _tell_id(job, args)
        _tell_of_other_settings(job, spec)
        if spec.array and args.wait:
            see_them_end(job, as_json=args.json)
        elif args.wait or args.follow:
            see_it_end(job, with_log=args.follow, as_json=args.json)
    except BrokenPipeError as error:
        if job is None or not (args.wait or args.follow):
            raise
        tell_it_goes_on(job)
        raise Unread from error
    except KeyboardInterrupt:
        if job is None:
            remark("nobody has said whether the job was submitted; `client.py jobs list` tells")
        else:
            tell_it_goes_on(job)
        raise


def program_of(args: argparse.Namespace) -> Program:
    """Return what is to be run: what is there is a folder or ZIP, all else is code, if it can be.

    Raises:
        BadRequest: nothing is given, or too much, or what looks like a path leads nowhere.
    """
    if (args.what is None) == (args.code is None):
        raise BadRequest("submit takes a folder, a ZIP, or code: give one of them")
    about = {"requirements": args.requirements, "datasets": dict(args.dataset)}
    if not (args.code or args.what or "").strip():
        raise BadRequest("submit takes a folder, a ZIP, or code, and this is nothing")  # Path("") is the current folder
    if args.code is not None:
        return Program(code=args.code, **about)
    path = _path(args.what)
    if path is not None:
        return Program(bundle=path, **about)
    if _ONE_WORD.fullmatch(args.what):
        raise BadRequest(f"{args.what}: there is no such folder or ZIP; code of one word is given by -c")
    return Program(code=args.what, **about)


def _path(what: str) -> Path | None:
    """The folder or ZIP that is meant; None: it is code."""
    path = Path(what)
    try:
        if path.is_dir():
            return path
        is_file = path.is_file()
    except (OSError, ValueError):  # a program is no path: it is too long for one, or has zero bytes
        return None
    if is_file and path.suffix.lower() != ".zip":
        raise BadRequest(
            f"{path}: is no ZIP; submit its folder, as in `client.py submit {path.parent} --main {path.name}`"
        )
    return path if is_file else None


def _tell_id(job: Job, args: argparse.Namespace) -> None:
    if args.follow:  # whose stdout is the job's
        if not args.json:
            remark(f"{job.id} is submitted")
    elif not args.json:
        print_lines([job.id])
    elif not args.wait:
        print_json({"id": job.id})


def _tell_of_other_settings(job: Job, spec: ScriptSpec) -> None:
    if spec.key:
        known = replace(job.spec(), name="", priority=0, owner=spec.owner, key=spec.key, after=())
        if known != replace(spec, name="", priority=0, after=()):
            remark(f"key {spec.key} is of {job.id}, submitted before with other settings")
