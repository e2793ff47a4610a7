"""The options that say what a run trains, how, and when it ends."""

from __future__ import annotations

import argparse
from typing import Any

from client.settings import Changes
from mlcore.aggregation import AGGREGATIONS
from mlcore.mlp import INITS
from mlcore.schedules import SCHEDULES
from mlcore.server_rules import SERVER_OPTIMIZERS
from mlcore.settings import ACTIVATIONS, DTYPES, OPTIMIZERS
from rpc.run_spec import WEIGHTINGS

# Settings that the command line calls otherwise.
_ARGUMENTS = {
    "classes": "k",
    "threads": "task_threads",
    "max_time_s": "max_time",
    "run_timeout_s": "run_timeout",
    "round_deadline_s": "round_deadline",
}


def add_model(group: argparse._ArgumentGroup) -> None:
    """Add what the model is, which no later run of a branch changes."""
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
    group.add_argument("--standardize", action="store_true", help="scale features to mean 0, deviation 1")


def add_training(group: argparse._ArgumentGroup) -> None:
    """Add how tasks train on the nodes."""
    group.add_argument("--seed", type=int, default=1, help="same seed, same model (default: %(default)s)")
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


def add_averaging(group: argparse._ArgumentGroup) -> None:
    """Add how a round becomes the next model."""
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


def add_ending(group: argparse._ArgumentGroup) -> None:
    """Add when the run ends, and what it leaves."""
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
    group.add_argument(
        "--keep-checkpoints",
        type=int,
        default=2,
        metavar="N",
        help="store the model of the last N rounds and of the best one (default: 2)",
    )


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return those settings of a run that the arguments have, by the names of the Python API."""
    given = vars(args)
    names = {name: _ARGUMENTS.get(name, name) for name in Changes.__annotations__}
    settings = {name: given[argument] for name, argument in names.items() if argument in given}
    if "select" in settings:
        settings["select"] = dict(settings["select"])
    return settings


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list like 512,512") from None
