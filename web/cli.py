"""The command line of the web server."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from client.access import trust_of
from client.link import DEFAULT_SERVER, parse_server
from rpc.addresses import is_loopback
from rpc.argument_types import port, whole
from rpc.errors import ExitCode
from rpc.open_binds import HELP, INSISTS, check_bind
from rpc.program import Parser, exit_status, set_up_logging
from rpc.tls_options import add_trust, trust_from
from rpc.tokens import find_token
from rpc.trust import Serving
from rpc.web_port import OFF, listen_for_web, said_port, url_of
from web.admission import Admission, Limits
from web.app import make_app
from web.door import Way
from web.event_stream import Streams
from web.patience import HEAD_BYTES, Patient
from web.sockets import Sockets
from web.visitors import Visitors

PROG = "web"
_LIMITS = (
    ("requests-per-minute", 600, "requests of one token, or address, on other machines"),
    ("submits-per-minute", 30, "runs and jobs that one hands in from other machines"),
    ("streams-per-user", 10, "streams that one of them follows at once"),
    ("pages-per-user", 50, "pages that one of them has open at once"),
)
_GRACE_S = 2  # for what is under way
_MESSAGE_BYTES = 1 << 20  # of a page


def make_parser() -> argparse.ArgumentParser:
    parser = Parser(PROG, description="Serve REST and the dashboard of a coordinator.", log_level="warning")
    parser.add_argument(
        "--server", metavar="HOST:PORT", default=os.environ.get("ROUNDHOUSE_SERVER") or DEFAULT_SERVER,
        help=f"the coordinator (default: ROUNDHOUSE_SERVER, or {DEFAULT_SERVER})",
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", help="address to serve on (default: %(default)s)")
    parser.add_argument(
        "--http-port", type=port, metavar="PORT",
        help="port to serve on; 0: a free one (default: ROUNDHOUSE_HTTP_PORT, or 5000 or a free one)",
    )  # fmt: skip
    parser.add_argument(
        "--webhooks", action="store_true", help="tell the webhooks, too: what the coordinator starts does so by itself"
    )
    parser.add_argument(
        "--called", action="append", default=[], metavar="NAME",
        help="answer only who asks for this name, as browsers must; may be given several times (default: on loopback"
        " the names of loopback, else any)",
    )  # fmt: skip
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE",
        help="a token of this program itself, by which it tells webhooks (default: ROUNDHOUSE_TOKEN_FILE, or"
        " ROUNDHOUSE_TOKEN); who asks for a page shows one of their own",
    )  # fmt: skip
    parser.add_argument(
        "--require-tokens", action="store_true",
        help="serve nobody who shows no token (default: off on loopback, where the coordinator decides)",
    )  # fmt: skip
    parser.add_argument(INSISTS, action="store_true", help=HELP)
    at_least_0 = partial(whole, least=0)
    for name, usual, about in _LIMITS:
        parser.add_argument(
            f"--{name}", type=at_least_0, default=usual, metavar="N", help=f"{about}; 0: any number (default: {usual})"
        )
    group = parser.add_argument_group("transport")
    add_trust(group)
    group.add_argument("--http-tls-cert", type=Path, metavar="FILE", help="serve HTTPS with this certificate (PEM)")
    group.add_argument("--http-tls-key", type=Path, metavar="FILE", help="its private key (default: in the same file)")
    parser.add_argument("--local-socket", default="", help=argparse.SUPPRESS)  # of the coordinator that started us
    parser.add_argument("--token-fd", type=int, metavar="FD", help=argparse.SUPPRESS)  # the same, of who started us
    parser.add_argument("--listening", type=int, metavar="FD", help=argparse.SUPPRESS)  # a socket of who started us
    parser.add_common_options()
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit status."""
    args = make_parser().parse_args(sys.argv[1:] if argv is None else argv)
    return exit_status(PROG, lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    set_up_logging(args.log_level, args.log_file)
    host, its_port = parse_server(args.server)
    trust = trust_from(args) if args.tls_ca or args.tls_fingerprint else trust_of(os.environ)
    way = Way(None if args.local_socket else trust.context(host, its_port), args.local_socket)
    certificate = args.http_tls_cert
    serving = Serving(certificate, args.http_tls_key or certificate) if certificate else None
    with _listening(args) as listening:
        tells = args.webhooks or args.listening is not None
        limits = Limits(args.requests_per_minute, args.submits_per_minute, args.streams_per_user, args.pages_per_user)
        demands = args.require_tokens or not (args.insecure_i_know or is_loopback(listening.getsockname()[0]))
        app = make_app(
            Visitors(host, its_port, own_token=_own_token(args), way=way),
            tells_webhooks=tells,
            names=args.called,
            admission=Admission(limits, demands_tokens=demands),
        )
        print(
            f"web serves on {url_of(listening, is_secured=bool(serving))} for the coordinator at {host}:{its_port}",
            flush=True,
        )
        serve(app, listening, serving)
    return ExitCode.DONE


def _own_token(args: argparse.Namespace) -> str:
    if args.token_fd is None:
        return find_token(args.token_file, os.environ)
    with open(args.token_fd, encoding="ascii") as pipe:
        return pipe.read().strip()


def _listening(args: argparse.Namespace) -> socket.socket:
    """The socket to serve on; PortInUse if somebody serves where it was said."""
    if args.listening is not None:
        return socket.socket(fileno=args.listening)
    lacking = {"--http-tls-cert FILE": args.http_tls_cert is None}
    then = "log in there with a token of `client.py token create`"
    check_bind(args.host, lacking, insists=args.insecure_i_know, then=then)
    said = said_port(args.http_port)
    return listen_for_web(args.host, None if said == OFF else said)


def serve(app: FastAPI, listening: socket.socket, serving: Serving | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C, inside TLS where there is a certificate for that."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn raises it once more when it has ended well
    Server(app, serving).run(sockets=[listening])
    gc.freeze()  # at its end Python would look through all elements of all pages, for seconds


class Server(uvicorn.Server):
    """Ends the streams, which have no end of their own, before it waits for all that is under way."""

    def __init__(self, app: FastAPI, serving: Serving | None = None) -> None:
        super().__init__(config_of(app))
        if serving is not None:
            self.config.load()
            self.config.ssl = serving.context()
        self._streams: Streams = app.state.streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._streams.end()
        await super().shutdown(sockets)


def config_of(app: FastAPI) -> uvicorn.Config:
    """How the app is served."""
    return uvicorn.Config(
        app,
        http=Patient,  # of h11; the other one, twice as quick, takes heads of any length
        h11_max_incomplete_event_size=HEAD_BYTES,
        ws=Sockets,
        ws_max_size=_MESSAGE_BYTES,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
