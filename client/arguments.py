"""The command line of the client: the seven-argument form and the subcommands."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from client.queue_options import add_queue
from client.settings import Settings, make_spec
from client.subcommands import SUBCOMMANDS, add_output, group_parser, subcommand_parser
from mlcore.aggregation import AGGREGATIONS
from mlcore.mlp import INITS
from mlcore.schedules import SCHEDULES
from mlcore.server_rules import SERVER_OPTIMIZERS
from mlcore.settings import ACTIVATIONS, DTYPES, OPTIMIZERS
from rpc.argument_types import port
from rpc.errors import BadRequest
from rpc.messages import RunSpec
from rpc.program import Parser
from rpc.run_spec import WEIGHTINGS

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

# Settings that the command line calls otherwise.
_ARGUMENTS = {
    "classes": "k",
    "threads": "task_threads",
    "max_time_s": "max_time",
    "run_timeout_s": "run_timeout",
    "round_deadline_s": "round_deadline",
}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; `command` is train or a subcommand. Wrong usage exits with status 2."""
    for n_words in (1, 2):
        name = " ".join(argv[:n_words])
        if name in SUBCOMMANDS:
            return subcommand_parser(name).parse_args(argv[n_words:], argparse.Namespace(command=name))
    if argv and any(name.startswith(f"{argv[0]} ") for name in SUBCOMMANDS):
        return group_parser(argv[0]).parse_args(argv[1:])  # which ends the program: it has no word that is missing here
    return _train_parser().parse_args([_as_value(text) for text in argv], argparse.Namespace(command="train"))


def spec_from(args: argparse.Namespace) -> RunSpec:
    """Return the run that the arguments of the seven-argument form ask for.

    Raises:
        BadRequest: a value makes no sense.
    """
    if args.h < 1:  # checked even where --hidden replaces it
        raise BadRequest(f"h must be 1 or more, not {args.h}")
    settings = {name: getattr(args, _ARGUMENTS.get(name, name)) for name in Settings.__annotations__}
    settings["select"] = dict(args.select)
    if args.owner is None:
        del settings["owner"]
    return make_spec(
        args.dir,
        rounds=args.rounds,
        epochs=args.epochs,
        hidden=args.hidden or args.h,
        eta=args.eta,
        **cast(Settings, settings),
    )


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
    _add_model(parser.add_argument_group("model"))
    _add_training(parser.add_argument_group("training on the nodes"))
    _add_averaging(parser.add_argument_group("averaging"))
    add_queue(parser.add_argument_group("the queue"))
    _add_ending(parser.add_argument_group("when to end"))
    add_output(parser.add_argument_group("output"))
    parser.add_common_options()
    return parser


def _add_model(group: _Group) -> None:
    group.add_argument("--k", type=int, default=0, help="number of classes (default: as the labels say)")
    group.add_argument("--hidden", type=_widths, metavar="N,N,...", help="hidden layers, in place of H")
    group.add_argument("--activation", choices=ACTIVATIONS, default="relu", help="of the hidden layers (default: relu)")
    group.add_argument(
        "--init",
        choices=INITS,
        default="",
        help="starting weights (default: uniform for gd, he for others)",
    )
    group.add_argument("--dtype", choices=DTYPES, default="float32", help="of weights and features (default: float32)")
    group.add_argument("--seed", type=int, default=1, help="same seed, same model (default: %(default)s)")
    group.add_argument("--standardize", action="store_true", help="scale features to mean 0, deviation 1")


def _add_training(group: _Group) -> None:
    group.add_argument("--optimizer", choices=OPTIMIZERS, default="gd", help="gd steps on whole shards (default: gd)")
    group.add_argument("--batch-size", type=int, default=0, metavar="N", help="of sgd and adam (default: 128)")
    group.add_argument("--momentum", type=float, default=0.9, metavar="X", help="of sgd (default: 0.9)")
    group.add_argument("--weight-decay", type=float, default=0.0, metavar="X", help="of sgd, adam (default: 0)")
    group.add_argument(
        "--label-smoothing",
        type=float,
        default=0.0,
        metavar="X",
        help="share of the target spread over all classes (default: 0)",
    )
    group.add_argument(
        "--eta-schedule",
        choices=SCHEDULES,
        default="constant",
        help="of eta over all rounds (default: constant)",
    )
    group.add_argument(
        "--tolerance",
        type=float,
        default=0.2,
        metavar="X",
        help="gd ends a task when the summed loss changes by this or less (default: %(default)s)",
    )
    group.add_argument(
        "--task-threads", type=int, default=1, metavar="N", help="threads of one task (default: %(default)s)"
    )
    group.add_argument(
        "--prox-mu", type=float, default=0.0, metavar="X", help="pulls tasks to the global model, FedProx (default: 0)"
    )


def _add_averaging(group: _Group) -> None:
    group.add_argument("--server-optimizer", choices=SERVER_OPTIMIZERS, default="fedavg", help="default: fedavg")
    group.add_argument(
        "--server-eta", type=float, default=0.0, metavar="X", help="its learning rate (default: its usual one)"
    )
    group.add_argument(
        "--aggregation",
        choices=AGGREGATIONS,
        default="mean",
        help="of a round's updates; the others bear a few bad ones and take more memory (default: mean)",
    )
    group.add_argument(
        "--trim",
        type=int,
        default=1,
        metavar="N",
        help="of each weight, trimmed leaves out the N largest and N smallest updates (default: %(default)s)",
    )
    group.add_argument("--weighting", choices=WEIGHTINGS, default="rows", help="of shards (default: rows)")
    group.add_argument(
        "--max-delta-norm", type=float, default=0.0, metavar="X", help="refuse larger updates (default: off)"
    )
    group.add_argument(
        "--fraction", type=float, default=1.0, metavar="X", help="share of the shards that each round uses (default: 1)"
    )
    group.add_argument("--mixed-classes", action="store_true", help="use nodes that compute other bits; marks the run")


def _add_ending(group: _Group) -> None:
    group.add_argument(
        "--target-error",
        type=float,
        default=0.0,
        metavar="X",
        help="end when validation meets it (default: off)",
    )
    group.add_argument(
        "--patience",
        type=int,
        default=0,
        metavar="N",
        help="end after N rounds without a better validation error (default: off)",
    )
    group.add_argument(
        "--max-time",
        type=float,
        default=0.0,
        metavar="S",
        help="end after the round in which so many seconds are over (default: off)",
    )
    group.add_argument(
        "--run-timeout",
        type=float,
        default=86400.0,
        metavar="S",
        help="fail after so long (default: a day)",
    )
    group.add_argument(
        "--max-node-losses",
        type=int,
        default=3,
        metavar="N",
        help="a task that has lost so many different nodes fails the run (default: 3)",
    )
    group.add_argument(
        "--max-attempts",
        type=int,
        default=5,
        metavar="N",
        help="a task that has failed so often fails the run (default: 5)",
    )


def _as_value(text: str) -> str:
    """argparse takes -1e-4 and -inf for options; behind a space they are numbers that can be refused."""
    try:
        float(text)
    except ValueError:
        return text
    return f" {text}" if text.startswith("-") else text


def _port(text: str) -> int:
    return port(text.strip(), least=1)


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list like 512,512") from None
