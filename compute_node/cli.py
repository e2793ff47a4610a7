"""The command line of a compute node."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compute_node.cache import CacheSettings
from compute_node.config import NodeConfig
from compute_node.node import ComputeNode
from compute_node.options import COMMON, NODE, POSITIONAL
from compute_node.script_options import SCRIPTS, script_settings
from compute_node.show_config import said, table
from compute_node.sources import Gathered, gather
from rpc.argument_types import port, share
from rpc.errors import BadRequest, ExitCode
from rpc.findings import is_well, lines_of
from rpc.open_binds import check_bind
from rpc.plain_text import plain
from rpc.program import Parser, calm_collector, exit_status, set_up_logging
from rpc.tls_options import TlsSettings, check_serving, checked_trust
from rpc.tokens import find_token
from rpc.trust import Trust

PROG = "compute_node"
_FILES = ("tls_cert", "tls_key", "tls_client_ca")
OPTIONS = (*POSITIONAL, *NODE, *SCRIPTS, *COMMON)

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit status."""

    def body() -> int:
        gathered = settle(argv, os.environ)
        args = gathered.values()
        set_up_logging(args.log_level, args.log_file)
        tell(gathered)
        config = config_from(args)
        check_open(args, config)
        node = ComputeNode(config)
        host, bound_port = config.join or node.address
        does = "joins the coordinator at" if config.join else "serves on"
        slots = "1 slot" if args.slots == 1 else f"{args.slots} slots"
        print(f"compute node {node.name} {does} {host}:{bound_port} (device {args.device}, {slots})", flush=True)
        return serve(node)

    return exit_status(PROG, body)


def tell(gathered: Gathered) -> None:
    """Log what was set, and by which old names."""
    if gathered.remarks:
        logger.warning("settings by their old names: %s", "; ".join(gathered.remarks))
    logger.info("settings: %s; --show-config lists all", said(OPTIONS, gathered.settings) or "as usual")


def serve(node: ComputeNode) -> int:
    """Serve until SIGTERM, which lets what runs end, or Ctrl-C; return the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: node.leave())
    signal.signal(signal.SIGINT, lambda *_: node.end())
    calm_collector()
    if not node.run():
        # A thread is in the middle of a step. OpenBLAS waits for it at exit, and may do so for ever.
        logging.shutdown()
        os._exit(ExitCode.DONE)
    return ExitCode.DONE


def parse(argv: Sequence[str] | None, environ: Mapping[str, str] = os.environ) -> argparse.Namespace:
    """The settings of a node, from wherever they come."""
    return settle(argv, environ).values()


def settle(argv: Sequence[str] | None, environ: Mapping[str, str]) -> Gathered:
    """The settings and their sources; ends the program if they are not what they may be, or only asked for."""
    parser = make_parser()
    flags = vars(parser.parse_args(argv, argparse.Namespace(**dict.fromkeys(option.name for option in OPTIONS))))
    try:
        gathered = gather(OPTIONS, flags, environ)
        script_settings(gathered.values())
    except BadRequest as error:
        parser.error(str(error))
    if flags["show_config"]:
        print(table(OPTIONS, gathered.settings), flush=True)
        parser.exit(ExitCode.DONE)
    if flags["check"]:
        parser.exit(tell_check(gathered.values(), as_json=flags["json"]))
    place = (gathered.settings["port"].value, gathered.settings["join"].value)
    if place.count(None) != 1:
        parser.error("give either a PORT to serve on or --join HOST:PORT")
    return gathered


def make_parser() -> Parser:
    """The command line; what it does not say is None."""
    parser = Parser(
        PROG,
        description="Keeps shards of data and trains on them when the coordinator calls; runs script jobs.",
        log_level="warning",
    )
    parser.add_argument("port", type=port, nargs="?", metavar="PORT", help="port to serve on; 0 picks a free one")
    parser.add_argument(
        "load_probability", type=share, nargs="?", metavar="LOAD_PROBABILITY",
        help="simulates a busy machine: under load balancing tasks are declined with this probability, under any policy"
        " they are delayed with it (default: 0)",
    )  # fmt: skip
    for option in NODE:
        option.add_to(parser)
    group = parser.add_argument_group("script jobs")
    for option in SCRIPTS:
        option.add_to(group)
    parser.add_argument("--config", metavar="FILE", help="settings as JSON; flags and ROUNDHOUSE_* variables go first")
    parser.add_argument(
        "--show-config", action="store_true", help="print each setting and where it comes from, and end"
    )
    parser.add_argument(
        "--check", action="store_true",
        help="say what this machine has for a node (arithmetic, GPUs, sandboxes, disk), and how to mend it",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="with --check: print one JSON list")
    parser.add_common_options()
    return parser


def tell_check(args: argparse.Namespace, *, as_json: bool) -> ExitCode:
    """Print what the machine has for a node with these settings; return the exit status."""
    from compute_node.checking import check  # with all that runs script jobs, which needs Linux

    found = list(check(device=args.device, data_dir=args.data_dir, scripts=script_settings(args)))
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2))
    else:
        print("\n".join(map(plain, lines_of(found))))
    return ExitCode.DONE if is_well(found) else ExitCode.FAILED


def security_of(args: argparse.Namespace) -> dict[str, Any]:
    """How the connections are secured; raises BadRequest if what is said of it contradicts itself."""
    paths = {name: Path(getattr(args, name)) if getattr(args, name) else None for name in _FILES}
    certificate, key, client_ca = (paths[name] for name in _FILES)
    if args.join is None:
        tls = TlsSettings(certificate=certificate, key=key, client_ca=client_ca)
        check_serving(tls)
        return {"tls": tls}
    return {"trust": checked_trust(Trust(args.tls_ca, args.tls_fingerprint, certificate, key))}


def check_open(args: argparse.Namespace, config: NodeConfig) -> None:
    """Raise Refused if a node would run what anybody sends to it."""
    if config.join is None:
        lacking = {"--token-file FILE": not config.token, "--tls-cert FILE": not config.tls.is_on}
        then = "start the coordinator with --node-token-file and --node-ca. Or use --join, which opens no port"
        check_bind(config.host, lacking, insists=args.insecure_i_know, then=then)


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
        cache=CacheSettings(args.cache_gb),
        scripts=script_settings(args),
        token=find_token(args.token_file, os.environ) or args.token,
        **security_of(args),
    )
