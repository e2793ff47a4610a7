"""The subcommands of the client and their arguments."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from client.branch_options import add_changes
from client.doctor.command import DOCTOR_SUBCOMMANDS
from client.job_subcommands import JOB_SUBCOMMANDS
from client.link import default_server
from client.login_commands import LOGIN_SUBCOMMANDS
from client.model_files import FORMATS
from client.schedule_commands import SCHEDULE_SUBCOMMANDS
from client.stored import which
from client.subcommand import Subcommand, add_access, add_export, add_json, add_limit, add_list_filters
from client.times import since
from client.token_commands import TOKEN_SUBCOMMANDS
from client.webhook_commands import WEBHOOK_SUBCOMMANDS
from rpc.argument_types import share, whole
from rpc.program import Parser

_RUN = "a run by its id, the beginning of it, its --key, or `latest`"

Group = argparse._ArgumentGroup


def add_output(group: Group) -> None:
    """Add the options of what is printed and kept of a run that is followed to its end."""
    group.add_argument("--save", type=Path, metavar="FILE", help="keep the model as .safetensors, .npz or .onnx")
    group.add_argument("--timing", type=Path, metavar="FILE", help="write where the time of each round went")
    group.add_argument("--json", action="store_true", help="print one JSON object as the result")
    group.add_argument("--quiet", action="store_true", help="no progress")


def subcommand_parser(name: str) -> Parser:
    """Return the parser of what follows the words of a subcommand."""
    command = SUBCOMMANDS[name]
    parser = Parser(f"client {name}", description=command.about, log_level="warning")
    command.add_arguments(parser)
    parser.add_argument(
        "--server",
        metavar="HOST:PORT",
        default=default_server(),
        help="the coordinator (default: %(default)s; ROUNDHOUSE_SERVER or `login` sets another)",
    )
    add_access(parser)
    parser.add_common_options()
    return parser


def group_parser(first: str) -> Parser:
    """Return the parser of what follows the first word of subcommands that have two: it knows the second words."""
    seconds = {name.split()[1]: each.about for name, each in SUBCOMMANDS.items() if name.startswith(f"{first} ")}
    about = "\n".join(f"{second}: {text}" for second, text in seconds.items())
    parser = Parser(f"client {first}", description=about)
    more = f"`client.py {first} {next(iter(seconds))} -h` and so on tell more"
    parser.add_argument("command", metavar="COMMAND", choices=seconds, help=more)
    return parser


def _watch(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", nargs="?", default="", help="a run or job; without it everything is shown")
    add_output(parser.add_argument_group("output"))


def _watch_run(parser: Parser) -> None:
    _add_run(parser, "id")
    add_output(parser.add_argument_group("output"))


def _events(parser: Parser) -> None:
    parser.add_argument("--run", default="", metavar="RUN", help="those of this run")
    parser.add_argument("--node", default="", metavar="NODE", help="those of this node, by its id")
    parser.add_argument("--since", type=since, metavar="WHEN", help="from 15m, 2h, 7d ago or 2026-11-22T18:00 on")
    up_to_1000 = partial(whole, least=1, most=1000)
    parser.add_argument("--limit", type=up_to_1000, default=50, metavar="N", help="the newest N (default: %(default)s)")
    parser.add_argument("--notable", action="store_true", help="without rounds done and rejections")
    parser.add_argument("--follow", action="store_true", help="go on with what happens, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print a JSON list; with --follow an object a line")


def _why(parser: Parser) -> None:
    parser.add_argument("kind", metavar="KIND", choices=("run", "job", "task", "node"), help="run, job, task or node")
    parser.add_argument("id", metavar="ID", help="RUN or JOB; RUN/ROUND/SHARD, from 0; id, name or identity of a node")
    add_json(parser)


def _cancel(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="a run or job by its id, the beginning of it, its --key, or `latest`")
    add_json(parser)


def _cancel_run(parser: Parser) -> None:
    _add_run(parser, "id", "RUN")
    add_json(parser)


def _run(parser: Parser) -> None:
    _add_run(parser)
    add_json(parser)


def _branch(parser: Parser) -> None:
    _add_run(parser)
    parser.add_argument(
        "--from-round", type=which, default="last", metavar="K",
        help="a round that `runs show` calls stored, best or last (default: last)",
    )  # fmt: skip
    add_changes(parser)
    add_json(parser)


def _verify(parser: Parser) -> None:
    _add_run(parser)
    parser.add_argument(
        "--sample", type=share, default=0.1, metavar="X", help="share of the updates, chosen by the seed (default: 0.1)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the sample (default: %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_json(parser)


def _remove(parser: Parser) -> None:
    parser.add_argument("runs", metavar="RUN", nargs="+", help=_RUN)
    add_json(parser)


def _plot(parser: Parser) -> None:
    _add_run(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="the picture, .png, .svg or .pdf (default: RUN.png)")
    add_json(parser)


def _export_run(parser: Parser) -> None:
    _add_run(parser, "id")
    add_export(parser)


def _export(parser: Parser) -> None:
    _add_run(parser)
    _add_round(parser)
    names = [suffix.removeprefix(".") for suffix in FORMATS]
    parser.add_argument("--format", choices=names, help="default: as --out says, else safetensors")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the file (default: RUN.FORMAT)")
    add_json(parser)


def _predict(parser: Parser) -> None:
    parser.add_argument("run", metavar="RUN", help=f"{_RUN}; or a file that `models export` made")
    parser.add_argument("file", metavar="FILE", type=Path, help="rows of features, with or without the label")
    _add_round(parser)
    parser.add_argument("--proba", action="store_true", help="print the probability of each class, too")
    add_json(parser)


def _nodes_add(parser: Parser) -> None:
    parser.add_argument("address", metavar="HOST:PORT", help="where the node listens, as the coordinator reaches it")
    add_json(parser)


def _node(parser: Parser) -> None:
    parser.add_argument("node", metavar="NODE", help="its id, name or identity; `client.py nodes list` lists them")
    add_json(parser)


def _node_order(parser: Parser) -> None:
    _node(parser)
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for those who ask")


def _add_run(parser: Parser, name: str = "run", shown: str = "RUN") -> None:
    parser.add_argument(name, metavar=shown, help=_RUN)


def _models_list(parser: Parser) -> None:
    add_limit(parser)
    add_json(parser)


def _add_round(parser: Parser) -> None:
    parser.add_argument(
        "--round", type=which, metavar="K", help="the model of a stored round, best or last (default: the final model)"
    )


SUBCOMMANDS: Mapping[str, Subcommand] = {
    "status": Subcommand("Shows the nodes and the runs of a coordinator.", "", add_json),
    "watch": Subcommand(
        "Follows a run to its end and prints its result, a job with its log; without ID, shows nodes, runs, jobs and\n"
        "events as they change. Ctrl-C stops watching; the work goes on.",
        "[ID]",
        _watch,
    ),
    "events": Subcommand("Tells what happened, the newest last.", "", _events),
    "why": Subcommand("Says why a run, job, task or node is as it is, and what to do about it.", "KIND ID", _why),
    "cancel": Subcommand("Cancels a run or job.", "ID", _cancel),
    **JOB_SUBCOMMANDS,
    **SCHEDULE_SUBCOMMANDS,
    **WEBHOOK_SUBCOMMANDS,
    **TOKEN_SUBCOMMANDS,
    **LOGIN_SUBCOMMANDS,
    **DOCTOR_SUBCOMMANDS,
    "runs list": Subcommand("Lists the runs, the newest first.", "", partial(add_list_filters, noun="runs")),
    "runs show": Subcommand("Shows all that is known of a run, with its settings and stored rounds.", "RUN", _run),
    "runs watch": Subcommand(
        "Follows a run to its end and prints its result. Ctrl-C stops watching; the run goes on.", "RUN", _watch_run
    ),
    "runs cancel": Subcommand("Cancels a run.", "RUN", _cancel_run),
    "runs branch": Subcommand(
        "Starts a run that goes on from a stored round of another one. What is not given is as it was in that run.",
        "RUN",
        _branch,
    ),
    "runs verify": Subcommand(
        "Computes a sample of a run's updates again, on other nodes where there are any, and compares digests.\n"
        "The run is repeated up to the last round of the sample; what the coordinator's memo does not know of it is\n"
        "computed, too, and compared. So it costs from a sample of the run's work, all else known, up to the whole.\n"
        "Ctrl-C ends the verification.",
        "RUN",
        _verify,
    ),
    "runs remove": Subcommand(
        "Removes runs that have ended, with their models and all that is stored of them: all of these or none.",
        "RUN...",
        _remove,
    ),
    "runs plot": Subcommand("Draws validation error and losses of a run over its rounds.", "RUN", _plot),
    "runs export": Subcommand("Writes the rounds of a run for other programs.", "RUN", _export_run),
    "models list": Subcommand("Lists the completed runs with their models.", "", _models_list),
    "models export": Subcommand("Writes the model of a run to a file.", "RUN", _export),
    "models predict": Subcommand(
        "Prints the most likely class of each row of a file. Rows with a label also tell the share of wrong answers.",
        "RUN FILE",
        _predict,
    ),
    "nodes list": Subcommand("Lists the nodes, also those that were removed.", "", add_json),
    "nodes add": Subcommand("Has the coordinator dial a node from now on.", "HOST:PORT", _nodes_add),
    "nodes show": Subcommand("Shows all that is known of a node.", "NODE", _node),
    "nodes drain": Subcommand("Lets a node finish what runs, and gives it nothing new.", "NODE", _node_order),
    "nodes resume": Subcommand("Gives a node tasks again that was drained or removed.", "NODE", _node_order),
    "nodes remove": Subcommand("Parts with a node; what runs there goes elsewhere.", "NODE", _node_order),
    "nodes readmit": Subcommand("Ends the quarantine of a node.", "NODE", _node_order),
}
