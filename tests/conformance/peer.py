"""The node that is looked at, as a coordinator meets it."""

from __future__ import annotations

from contextlib import ExitStack
from secrets import token_hex
from types import TracebackType
from typing import Self

from rpc.client import Client
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply
from rpc.services import COMPUTE_NODE

PATIENCE_S = 20.0


class Peer:
    """Connections to one node that all belong to one coordinator; a context manager that closes them."""

    def __init__(self, host: str, port: int) -> None:
        self.endpoint = (host, port)
        self._identity = f"conformance-{token_hex(4)}"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def greet(self, connection: str, *, protocol: int = PROTOCOL_VERSION) -> tuple[Client, HelloReply]:
        """Open a connection and say hello on it."""
        client = Client(*self.endpoint, COMPUTE_NODE, timeout_s=PATIENCE_S, what="compute node")
        self._stack.callback(client.close)
        hello = Hello(protocol, "coordinator", coordinator=self._identity, epoch=1, connection=connection)
        return client, client.hello(hello)

    def slot(self) -> Client:
        return self.greet("slot")[0]

    def control(self) -> Client:
        return self.greet("control")[0]
