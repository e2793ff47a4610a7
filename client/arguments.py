"""The command line of the client: the seven-argument form and the subcommands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from client.queue_options import add_queue
from client.run_options import add_averaging, add_ending, add_model, add_training, given_settings
from client.settings import make_spec
from client.subcommand import add_access
from client.subcommands import SUBCOMMANDS, add_output, group_parser, subcommand_parser
from rpc.argument_types import port
from rpc.errors import BadRequest
from rpc.messages import RunSpec
from rpc.program import Parser

_USAGE = "\n       ".join(
    [
        "client.py HOST PORT DIR ROUNDS EPOCHS H ETA [options]",
        *(f"client.py {' '.join(filter(None, (name, each.usage)))} [options]" for name, each in SUBCOMMANDS.items()),
    ]
)

_ABOUT = """\
Trains on the data of DIR, a folder of this machine, through the coordinator at
HOST:PORT. Progress goes to stderr; the last lines on stdout are
`final validation error: ...` and `model sha256: ...`. Ctrl-C cancels the run.
`client.py status -h` and so on tell about the other commands."""

_EXAMPLE = "example: python client.py localhost 9095 letters 3 75 24 0.0001"

_Group = argparse._ArgumentGroup


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; `command` is train or a subcommand. Wrong usage exits with status 2."""
    for n_words in (1, 2):
        name = " ".join(argv[:n_words])
        if name in SUBCOMMANDS:
            return subcommand_parser(name).parse_args(argv[n_words:], argparse.Namespace(command=name))
    if argv and any(name.startswith(f"{argv[0]} ") for name in SUBCOMMANDS):
        group = group_parser(argv[0])
        group.parse_args(argv[1:])  # which ends the program, unless something stands before a second word that is right
        group.error(f"the command follows at once, as in `client.py {argv[0]} COMMAND [options]`")
    if argv and argv[0].partition("=")[0] == "--server":
        Parser("client", description="").error(
            "options follow the command, as in `client.py status --server HOST:PORT`"
        )
    return _train_parser().parse_args([_as_value(text) for text in argv], argparse.Namespace(command="train"))


def spec_from(args: argparse.Namespace) -> RunSpec:
    """Return the run that the arguments of the seven-argument form ask for.

    Raises:
        BadRequest: a value makes no sense.
    """
    if args.h < 1:  # checked even where --hidden replaces it
        raise BadRequest(f"h must be 1 or more, not {args.h}")
    settings = given_settings(args)
    if args.owner is None:
        del settings["owner"]
    return make_spec(args.dir, hidden=args.hidden or args.h, **settings)


def _train_parser() -> Parser:
    parser = Parser("client", usage=_USAGE, description=_ABOUT, epilog=_EXAMPLE, log_level="warning")
    what = parser.add_argument_group("the run")
    what.add_argument("host", metavar="HOST", help="where the coordinator serves")
    what.add_argument("port", metavar="PORT", type=_port, help="its port, usually 9095")
    what.add_argument("dir", metavar="DIR", type=Path, help="has train_<name><N>.txt, validate_<name>.txt")
    what.add_argument("rounds", metavar="ROUNDS", type=int, help="how often the nodes' work is averaged")
    what.add_argument("epochs", metavar="EPOCHS", type=int, help="passes over each shard per round")
    what.add_argument("h", metavar="H", type=int, help="units of the hidden layer")
    what.add_argument("eta", metavar="ETA", type=float, help="learning rate")
    add_model(parser.add_argument_group("model"))
    add_training(parser.add_argument_group("training on the nodes"))
    add_averaging(parser.add_argument_group("averaging"))
    add_queue(parser.add_argument_group("the queue"))
    add_ending(parser.add_argument_group("when to end"))
    add_output(parser.add_argument_group("output"))
    add_access(parser.add_argument_group("access"))
    parser.add_common_options()
    return parser


def _as_value(text: str) -> str:
    """argparse takes -1e-4 and -inf for options; behind a space they are numbers that can be refused."""
    try:
        float(text)
    except ValueError:
        return text
    return f" {text}" if text.startswith("-") else text


def _port(text: str) -> int:
    return port(text.strip(), least=1)
