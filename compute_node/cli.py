"""The command line of a compute node."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from collections.abc import Sequence

from compute_node.config import NodeConfig
from compute_node.node import ComputeNode
from rpc.addresses import split_address
from rpc.argument_types import checked, port, seconds, share
from rpc.errors import ExitCode
from rpc.messages import MAX_SLOTS
from rpc.program import Parser, calm_collector, exit_status, set_up_logging

PROG = "compute_node"
_MAX_LABEL = 200


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit status."""
    args = parse(argv)

    def body() -> int:
        set_up_logging(args.log_level, args.log_file)
        config = config_from(args)
        node = ComputeNode(config)
        host, bound_port = config.join or node.address
        does = "joins the coordinator at" if config.join else "serves on"
        slots = "1 slot" if args.slots == 1 else f"{args.slots} slots"
        print(f"compute node {node.name} {does} {host}:{bound_port} (device {args.device}, {slots})", flush=True)
        return serve(node)

    return exit_status(PROG, body)


def serve(node: ComputeNode) -> int:
    """Serve until SIGTERM, which lets what runs end, or Ctrl-C; return the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: node.leave())
    signal.signal(signal.SIGINT, lambda *_: node.stop())
    calm_collector()
    if not node.run():
        # A thread is in the middle of a step. OpenBLAS waits for it at exit, and may do so for ever.
        logging.shutdown()
        os._exit(ExitCode.DONE)
    return ExitCode.DONE


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(
        PROG,
        description="Keeps shards of data and trains on them when the coordinator calls.",
        log_level="warning",
    )
    parser.add_argument("port", type=port, nargs="?", metavar="PORT", help="port to serve on; 0 picks a free one")
    parser.add_argument(
        "load_probability", type=share, nargs="?", default=0.0, metavar="LOAD_PROBABILITY",
        help="simulates a busy machine: under load balancing tasks are declined with this probability, under any policy"
        " they are delayed with it (default: 0)",
    )  # fmt: skip
    parser.add_argument(
        "--join", type=address, metavar="HOST:PORT",
        help="dial this coordinator in place of serving on a port: no inbound connection is needed",
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on (default: %(default)s)")
    parser.add_argument("--slots", type=slot_count, default=1, help="tasks that run at the same time (default: 1)")
    parser.add_argument("--name", default="", help="name shown to people (default: HOST:PORT)")
    parser.add_argument(
        "--device",
        default="auto",
        help="auto, cpu, cuda or cuda:N: where to compute (default: a GPU if there is one)",
    )
    parser.add_argument("--delay", type=seconds, default=3.0, metavar="S", help="seconds of a delay (default: 3)")
    parser.add_argument(
        "--chaos-seed", type=int, default=0, help="seed of the coin for declining and delaying (default: 0)"
    )
    parser.add_argument("--data-dir", metavar="DIR", help="where shards are kept (default: a temporary folder)")
    parser.add_argument(
        "--key-file", metavar="FILE", help="who this node is; made if not there (default: node.key in the data folder)"
    )
    parser.add_argument(
        "--label", type=label, action="append", default=[], metavar="NAME=VALUE", help="something to tell of this node"
    )
    parser.add_argument(
        "--drain-grace", type=seconds, default=3.0, metavar="S",
        help="seconds that SIGTERM lets what runs go on (default: 3)",
    )  # fmt: skip
    parser.add_argument(
        "--exit-when-drained", action="store_true", help="end when the coordinator has drained this node"
    )
    parser.add_common_options()
    args = parser.parse_args(argv)
    if (args.port is None) == (args.join is None):
        parser.error("give either a PORT to serve on or --join HOST:PORT")
    return args


def slot_count(text: str) -> int:
    return checked(text, int, lambda value: 1 <= value <= MAX_SLOTS, f"a number from 1 to {MAX_SLOTS}")


def address(text: str) -> tuple[str, int]:
    found = split_address(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"must be HOST:PORT, not {text!r}")
    return found


def label(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals) or len(text) > _MAX_LABEL:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE of at most {_MAX_LABEL} characters, not {text[:50]!r}")
    return name, value


def config_from(args: argparse.Namespace) -> NodeConfig:
    return NodeConfig(
        port=args.port or 0,
        join=args.join,
        load_probability=args.load_probability,
        host=args.host,
        slots=args.slots,
        name=args.name,
        device=args.device,
        delay_s=args.delay,
        chaos_seed=args.chaos_seed,
        labels=dict(args.label),
        key_file=args.key_file,
        drain_grace_s=args.drain_grace,
        exit_when_drained=args.exit_when_drained,
        data_dir=args.data_dir,
    )
