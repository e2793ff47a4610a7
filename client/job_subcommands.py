"""The subcommands of the client that are about script jobs, and their arguments."""

from __future__ import annotations

from pathlib import Path

from client.job_options import add_job
from client.schedule_commands import add_cron
from client.subcommand import Subcommand, add_export, add_json, add_list_filters
from rpc.argument_types import said, whole
from rpc.kept_log import LEVELS
from rpc.program import Parser

_JOB = "a job by its id, the beginning of it, its --key, or `latest`; ARRAY/INDEX: one of an array"
_SHOW = "Shows all that is known of a script job, with its settings, metrics and last lines."


def _submit(parser: Parser) -> None:
    parser.add_argument("what", metavar="WHAT", nargs="?", help="a folder, a ZIP, or a line of Python")
    parser.add_argument("-c", dest="code", metavar="CODE", help="Python, whatever it looks like, in place of WHAT")
    add_job(parser)
    add_cron(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--wait", action="store_true", help="until it has ended; exit status 0 if it completed, else 1")
    follow = "wait, and print what it prints: its stdout to stdout, its stderr to stderr"
    output.add_argument("--follow", action="store_true", help=follow)
    output.add_argument("--json", action="store_true", help="print JSON; with --follow an object a line")


def _logs(parser: Parser) -> None:
    _add_job(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes, until the job is over")
    levels = "INFO: all; WARNING: and worse; ERROR; PROGRESS: progress alone (default: INFO)"
    parser.add_argument("--level", choices=tuple(LEVELS.values()), default="INFO", help=levels)
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--offset", type=whole, default=0, metavar="N", help="begin at this byte; --json tells the next")
    begin.add_argument("--tail", type=whole, metavar="N", help="only the last N lines, and what comes")
    parser.add_argument("--json", action="store_true", help="print one JSON object; with --follow an object a line")


def _artifacts(parser: Parser) -> None:
    _add_job(parser)
    parser.add_argument(
        "--get", action="append", default=[], metavar="NAME", help="fetch this one; may be given several times"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="fetch into this folder (default: the current one)")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    add_json(parser)


def _one(parser: Parser) -> None:
    _add_job(parser)
    add_json(parser)


def _cancel(parser: Parser) -> None:
    parser.add_argument("jobs", metavar="JOB", nargs="+", help=_JOB)
    add_json(parser)


def _list(parser: Parser) -> None:
    add_list_filters(parser, noun="jobs")
    parser.add_argument("--array", type=said, metavar="ARRAY", help="only the jobs of this array")
    parser.add_argument("--members", action="store_true", help="also the jobs of all arrays")


def _export(parser: Parser) -> None:
    parser.add_argument("id", metavar="JOB", help=_JOB)
    add_export(parser)


def _add_job(parser: Parser) -> None:
    parser.add_argument("job", metavar="JOB", help=_JOB)


JOB_SUBCOMMANDS = {
    "submit": Subcommand(
        "Runs a Python program on a node: that of a folder or ZIP, or a line of code. Prints the job's id.\n"
        "From a folder .git, caches and what its .roundhouseignore names are left out.\n"
        "Ctrl-C only stops waiting; the job goes on.",
        "WHAT",
        _submit,
    ),
    "logs": Subcommand("Prints the log of a script job: when, stdout or stderr, level, line.", "JOB", _logs),
    "artifacts": Subcommand(
        "Lists what a script job has left in out/; with --get or --out, fetches it, checked by its SHA-256.",
        "JOB",
        _artifacts,
    ),
    "jobs list": Subcommand("Lists the script jobs, the newest first; an array of them is a line.", "", _list),
    "jobs show": Subcommand(_SHOW, "JOB", _one),
    "jobs get": Subcommand(f"{_SHOW} The same as `jobs show`.", "JOB", _one),
    "jobs export": Subcommand("Writes what a job told in lines `PROGRESS: {...}` for other programs.", "JOB", _export),
    "jobs cancel": Subcommand(
        "Cancels script jobs, all or none: each program is asked to end, and has some seconds for it.",
        "JOB...",
        _cancel,
    ),
    "jobs remove": Subcommand(
        "Removes script jobs that have ended, with their logs and what they have left: all of these or none.",
        "JOB...",
        _cancel,
    ),
    "jobs retry": Subcommand(
        "Submits the same script job anew; of an array, those of its jobs that failed. Prints the new id.", "JOB", _one
    ),
}
