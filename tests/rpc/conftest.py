"""Servers and loops for the tests of the wire, each on a thread of its own and gone after its test."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rpc.client import Client
from rpc.loop import Loop
from rpc.messages import PROTOCOL_VERSION, Hello
from rpc.server import Limits
from rpc.services import COMPUTE_NODE, Service
from tests.rpc.node import NodeHandler
from tests.rpc.running import RunningLoop, RunningServer

Serve = Callable[..., RunningServer]


@pytest.fixture
def running_loop(caplog: pytest.LogCaptureFixture) -> Iterator[RunningLoop]:
    """A loop on a thread; no callback of it may have failed by the end of the test."""
    running = RunningLoop()
    yield running
    running.close()
    failed = [record for record in caplog.get_records("call") if record.name == "rpc.loop"]
    assert not failed, failed


@pytest.fixture
def serve(running_loop: RunningLoop) -> Iterator[Serve]:
    """`serve(make_handler, service=..., limits=...)` starts a server on a free port."""
    with ExitStack() as servers:

        def start(
            make_handler: Callable[[Loop], object] = NodeHandler,
            *,
            service: Service = COMPUTE_NODE,
            limits: Limits | None = None,
            local_folder: Path | None = None,
            tls: ssl.SSLContext | None = None,
        ) -> RunningServer:
            handler = make_handler(running_loop.loop)
            server = RunningServer(running_loop, service, handler, limits, local_folder, tls)
            servers.callback(server.close)
            return server

        yield start


@pytest.fixture
def call_node() -> Iterator[Callable[..., Client]]:
    """`call_node(address)` is a client that has said hello."""
    with ExitStack() as clients:

        def dial(address: tuple[str, int], *, timeout_s: float = 10.0, connection: str = "slot") -> Client:
            client = Client(*address, COMPUTE_NODE, timeout_s=timeout_s, what="compute node")
            clients.callback(client.close)
            client.hello(Hello(PROTOCOL_VERSION, "client", connection=connection))
            return client

        yield dial


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Record what is logged from INFO on."""
    caplog.set_level(logging.INFO)
