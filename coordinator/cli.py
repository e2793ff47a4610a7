"""The command line of the coordinator."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

from platformdirs import user_data_path

from coordinator.config import CoordinatorConfig, read_nodes
from coordinator.coordinator import Coordinator
from coordinator.core.policies import NUMBERS, POLICIES, Policy
from coordinator.old_names import store_of
from coordinator.owner_options import add_owners, owners_from
from coordinator.permissions import Role
from coordinator.web_server import WebPlace, WebServer, web_place
from rpc.addresses import is_loopback
from rpc.argument_types import days, port, said, seconds, size, whole
from rpc.descriptors import raise_nofile
from rpc.errors import BadData, BadRequest, ExitCode
from rpc.open_binds import HELP, INSISTS, check_bind
from rpc.program import Parser, calm_collector, exit_status, set_up_logging
from rpc.tls_options import add_serving, serving_from
from rpc.tokens import read_token
from rpc.trust import Trust
from rpc.web_port import OFF, web_port

PROG = "coordinator"
PLUGINS = "roundhouse.policies"  # entry points that add policies: name -> class without arguments

_JOB_LEASE_S = 60.0
_NODES = Path("compute_nodes.txt")

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit status."""
    args = parse(argv)

    def body() -> int:
        set_up_logging(args.log_level, args.log_file)
        if not args.store:
            args.store, remark = store_of(os.environ)
            if remark:
                logger.warning(remark)
        policy = make_policy(args.policy_option or args.policy)
        config = config_from(args)
        check_open(args, config)
        logger.info("room for %d connections", raise_nofile())
        place = web_place(args.http_port, args.http_host, is_for_itself=not args.port)
        coordinator = Coordinator(config, policy)
        demands = config.demands_tokens or not (config.insecure or is_loopback(args.http_host))
        web = _web(place, coordinator, config, demands_tokens=demands) if place else None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: coordinator.stop())
        host, bound_port = coordinator.address
        nodes = "1 node" if len(config.nodes) == 1 else f"{len(config.nodes)} nodes"
        served = f"coordinator serves on {host}:{bound_port} (policy {policy.name}, {nodes} listed)"
        # Together, because whoever waits for the first line may close its end of the pipe then.
        where = f"\nweb: {web.url}" if web else ""
        tokens = f"\n{first.lines}" if (first := coordinator.first_tokens) else ""
        print(f"{served}\nstore: {coordinator.store}{where}{tokens}", flush=True)
        calm_collector()
        with web or nullcontext():
            coordinator.run()
        return ExitCode.DONE

    return exit_status(PROG, body)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    names = ", ".join(f"{number} {name}" for number, name in NUMBERS.items())
    parser = Parser(
        PROG,
        description="Takes training runs from clients, hands their tasks to compute nodes and averages the results.",
        log_level="warning",
    )
    parser.add_argument("port", type=port, metavar="PORT", help="port to serve on, usually 9095; 0 picks a free one")
    parser.add_argument(
        "policy", nargs="?", default="load-balancing", metavar="POLICY",
        help=f"which node gets a task, by number or name: {names} (default: load-balancing)",
    )  # fmt: skip
    parser.add_argument("--policy", dest="policy_option", metavar="POLICY", help="the same as an option")
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on (default: %(default)s)")
    parser.add_argument(
        "--nodes", type=Path, metavar="FILE",
        help=f"list of the compute nodes, one host,port per line, read again when edited (default: {_NODES} if there)",
    )  # fmt: skip
    parser.add_argument(
        "--data-root", type=Path, default=Path(), metavar="DIR",
        help="folder below which the classic train call may name folders (default: the current one)",
    )  # fmt: skip
    _add_kept(parser)
    _add_times(parser)
    _add_web(parser)
    _add_tokens(parser)
    add_owners(parser.add_argument_group("owners"))
    group = parser.add_argument_group("transport")
    add_serving(group)
    group.add_argument(
        "--node-ca",
        type=said,
        metavar="FILE",
        help="call listed nodes inside TLS, and trust these certificates, or `system`",
    )
    parser.add_common_options()
    return parser.parse_args(argv)


def _add_kept(parser: Parser) -> None:
    parser.add_argument(
        "--data-dir", metavar="DIR",
        help="where everything is kept, so that a restart goes on with it (default: a folder for this port in the"
        " user's data folder; with port 0 a temporary one)",
    )  # fmt: skip
    parser.add_argument(
        "--store", metavar="URL", default="",
        help="database to use in place of a SQLite file in the data folder: postgresql+psycopg://... (default: that of "
        "the variable DATABASE_URL)",
    )  # fmt: skip
    parser.add_argument(
        "--store-wait", type=seconds, default=60.0, metavar="S",
        help="seconds to wait at the start for a database that is not there yet (default: 60)",
    )  # fmt: skip
    parser.add_argument(
        "--keep-events", type=days, default=30.0, metavar="DAYS",
        help="days for which ordinary events are kept; failures, waits and orders four times as long (default: 30)",
    )  # fmt: skip
    parser.add_argument(
        "--keep-runs", type=partial(whole, least=1), default=10_000, metavar="N",
        help="how many runs that have ended are kept, with their models (default: 10000)",
    )  # fmt: skip
    parser.add_argument(
        "--memo-size", type=size, default=10**9, metavar="SIZE",
        help="disk for results of tasks: what is known is not computed again; 0: none (default: 1GB)",
    )  # fmt: skip


def _add_times(parser: Parser) -> None:
    parser.add_argument(
        "--beat", type=seconds, default=2.0, metavar="S", help="seconds between heartbeats (default: 2)"
    )
    parser.add_argument(
        "--lease", type=seconds, default=10.0, metavar="S",
        help="seconds without a heartbeat until a node's tasks go elsewhere (default: 10)",
    )  # fmt: skip
    parser.add_argument(
        "--job-lease", type=seconds, metavar="S",
        help="seconds that a script job goes on while its node hears nothing of the coordinator"
        " (default: 60, or twice --lease if that is more)",
    )  # fmt: skip
    parser.add_argument(
        "--task-timeout", type=seconds, default=3600.0, metavar="S",
        help="seconds that one task may take on a node (default: 3600)",
    )  # fmt: skip


def _add_web(parser: Parser) -> None:
    parser.add_argument(
        "--http-port", type=web_port, metavar="PORT",
        help="port of REST and the dashboard, `off` for none (default: ROUNDHOUSE_HTTP_PORT, or 5000 or a free one;"
        " off if PORT is 0)",
    )  # fmt: skip
    parser.add_argument(
        "--http-host",
        default="127.0.0.1",
        metavar="HOST",
        help="address that they are served on (default: %(default)s)",
    )


def _add_tokens(parser: Parser) -> None:
    parser.add_argument(
        "--require-tokens", action="store_true", help="serve nobody who shows no token, on loopback neither"
    )
    parser.add_argument(INSISTS, action="store_true", help=HELP)
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE",
        help="write the admin token of a first start there, too, and the one for nodes to FILE.join",
    )  # fmt: skip
    parser.add_argument(
        "--node-token-file", type=Path, metavar="FILE", help="a token that is shown to the nodes of the list"
    )


def config_from(args: argparse.Namespace) -> CoordinatorConfig:
    """The settings that the arguments and the list of nodes make.

    Raises:
        BadData: the list of nodes has a bad line, or there is no such data root.
        BadRequest: a lease that is not longer than the beat.
    """
    if not 0.0 < args.beat < args.lease:
        raise BadRequest(f"--beat must be above 0 and below --lease, not {args.beat:g} and {args.lease:g}")
    job_lease = max(_JOB_LEASE_S, 2.0 * args.lease) if args.job_lease is None else args.job_lease
    if job_lease <= args.lease:
        raise BadRequest(f"--job-lease must be above --lease, not {job_lease:g} and {args.lease:g}")
    if not args.data_root.is_dir():
        raise BadData(f"{args.data_root}: no such folder; give another --data-root")
    listed = args.nodes or _NODES
    return CoordinatorConfig(
        port=args.port,
        policy=args.policy_option or args.policy,
        host=args.host,
        nodes=read_nodes(listed) if args.nodes or listed.exists() else (),
        nodes_file=listed,
        data_root=args.data_root,
        data_dir=args.data_dir or default_data_dir(args.port),
        store=args.store,
        store_wait_s=args.store_wait,
        beat_s=args.beat,
        lease_s=args.lease,
        job_lease_s=job_lease,
        task_timeout_s=args.task_timeout,
        memo_bytes=args.memo_size,
        keep_events_days=args.keep_events,
        keep_runs=args.keep_runs,
        require_tokens=args.require_tokens,
        insecure=args.insecure_i_know,
        token_file=args.token_file,
        node_token=read_token(args.node_token_file) if args.node_token_file else "",
        **owners_from(args),
        tls=serving_from(args),
        node_trust=Trust(ca=args.node_ca or ""),
    )


def _web(place: WebPlace, coordinator: Coordinator, config: CoordinatorConfig, *, demands_tokens: bool) -> WebServer:
    demanding = ["--require-tokens"] if demands_tokens else ["--insecure-i-know"]
    options = [*demanding, "--submits-per-minute", str(config.submits_per_minute)]
    secured = coordinator.secured
    if secured is not None:
        options += ["--local-socket", coordinator.local_socket]
    is_secured = secured is not None and not is_loopback(place.listening.getsockname()[0])
    if is_secured and secured is not None:
        serving = secured.serving
        options += ["--http-tls-cert", str(serving.certificate), "--http-tls-key", str(serving.key)]
    return WebServer(
        place, within(coordinator.address),
        token=coordinator.tokens.issue_own(Role.WEB), options=options, is_secured=is_secured,
    )  # fmt: skip


def check_open(args: argparse.Namespace, config: CoordinatorConfig) -> None:
    """Raise Refused if others would be let in whose connections nobody secures; that they show tokens is seen to."""
    lacking = {"--tls auto": not config.tls.is_on}
    then = "`client.py join-command` prints the line that starts a node elsewhere, `client.py login` lets a client in"
    check_bind(config.host, lacking, insists=config.insecure, then=then)
    if args.http_port != OFF:
        check_bind(args.http_host, lacking, insists=config.insecure, then=then, option="--http-host")


def within(address: tuple[str, int]) -> tuple[str, int]:
    """Where a program of this machine finds who serves there: all addresses are none."""
    host, number = address
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), number  # nothing is bound here  # nosec B104


def default_data_dir(port: int) -> str | None:
    """The folder of a coordinator on this port; None, for a temporary one, where the port is any free one."""
    return str(user_data_path("roundhouse") / f"coordinator-{port}") if port else None


def make_policy(name: str) -> Policy:
    """Return the policy of this number or name; installed packages may add some.

    Raises:
        BadRequest: there is none; says which there are.
    """
    known: dict[str, Callable[[], Policy]] = dict(POLICIES)
    wanted = NUMBERS.get(name, name)
    if wanted not in known:
        known.update({entry.name: entry.load() for entry in entry_points(group=PLUGINS)})
    if wanted not in known:
        choices = ", ".join([*(f"{number}|{each}" for number, each in NUMBERS.items())])
        raise BadRequest(f"no policy is called {name!r}; choose one of {choices}")
    return known[wanted]()
