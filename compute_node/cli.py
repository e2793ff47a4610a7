"""The command line of a compute node."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from collections.abc import Sequence

from compute_node.config import NodeConfig
from compute_node.node import ComputeNode
from rpc.argument_types import checked, port, seconds, share
from rpc.errors import ExitCode
from rpc.messages import MAX_SLOTS
from rpc.program import Parser, calm_collector, exit_status, set_up_logging

PROG = "compute_node"


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit status."""
    args = parse(argv)

    def body() -> int:
        set_up_logging(args.log_level, args.log_file)
        node = ComputeNode(config_from(args))
        host, bound_port = node.address
        slots = "1 slot" if args.slots == 1 else f"{args.slots} slots"
        print(
            f"compute node {node.name} serves on {host}:{bound_port} (device {args.device}, {slots})",
            flush=True,
        )
        return serve(node)

    return exit_status(PROG, body)


def serve(node: ComputeNode) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit status."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: node.stop())
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
    parser.add_argument("port", type=port, metavar="PORT", help="port to serve on; 0 picks a free one")
    parser.add_argument(
        "load_probability", type=share, nargs="?", default=0.0, metavar="LOAD_PROBABILITY",
        help="simulates a busy machine: under load balancing tasks are declined with this probability, under any policy"
        " they are delayed with it (default: 0)",
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
    parser.add_common_options()
    return parser.parse_args(argv)


def slot_count(text: str) -> int:
    return checked(text, int, lambda value: 1 <= value <= MAX_SLOTS, f"a number from 1 to {MAX_SLOTS}")


def config_from(args: argparse.Namespace) -> NodeConfig:
    return NodeConfig(
        port=args.port,
        load_probability=args.load_probability,
        host=args.host,
        slots=args.slots,
        name=args.name,
        device=args.device,
        delay_s=args.delay,
        chaos_seed=args.chaos_seed,
        data_dir=args.data_dir,
    )
