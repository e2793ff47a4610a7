"""Roundhouse with tokens and TLS on all connections: real nodes that have joined, and the rest as in plain text."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.programs import port_of, running
from bench.rounds.child import Outcome
from bench.rounds.roundhouse import training
from bench.rounds.task import tiny_data
from client.api import Session, connect
from rpc.trust import Trust

_WAIT_S = 30.0


@contextmanager
def cluster(nodes: int, size: str, rounds: int) -> Iterator[Callable[[], Outcome]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="roundhouse-bench-")))
        token, listed = folder / "token", folder / "nodes.txt"
        listed.touch()
        secured = ("--tls", "auto", "--require-tokens", "--token-file", str(token), "--data-dir", str(folder / "data"))
        quiet = ("--log-level", "error")  # of nodes that are ended before it
        coordinator = stack.enter_context(running("coordinator.py", "0", "--nodes", str(listed), *secured, *quiet))
        server = f"127.0.0.1:{port_of(coordinator)}"
        authority = str(folder / "data" / "tls" / "authority.pem")
        joining = ("--join", server, "--tls-ca", authority, "--token-file", f"{token}.join")
        for number in range(nodes):
            own = ("--name", f"node-{number}", "--data-dir", str(folder / f"node-{number}"))
            stack.enter_context(running("-m", "bench.rounds.constant_node", "tcp", *joining, *own))
        session = stack.enter_context(connect(server, token_file=token, trust=Trust(ca=authority)))
        _await_nodes(session, nodes)
        yield training(session, tiny_data(folder / "tiny", nodes), size, rounds, coordinator.pid)


def _await_nodes(session: Session, wanted: int) -> None:
    end = time.monotonic() + _WAIT_S
    while sum(node.state == "ready" for node in session.nodes()) < wanted:
        if time.monotonic() > end:
            raise TimeoutError(f"not {wanted} nodes within {_WAIT_S:g} s")
        time.sleep(0.05)
