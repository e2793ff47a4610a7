"""The node that is looked at, as a coordinator meets it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from secrets import token_hex
from types import TracebackType
from typing import Self

from rpc.client import Client
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply
from rpc.services import COMPUTE_NODE

_PATIENCE_S = 20.0


class Peer:
    """Connections to one node that all belong to one coordinator; a context manager that closes them.

    Attributes:
        patience_s: how long the node may take over anything.
        epoch: which start of the coordinator it is.
    """

    def __init__(self, host: str, port: int, *, patience_s: float = _PATIENCE_S) -> None:
        self.endpoint = (host, port)
        self.patience_s = patience_s
        self.epoch = 1
        self._identity = f"conformance-{token_hex(4)}"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def restart(self) -> None:
        """Be a later start of the coordinator from now on."""
        self.epoch += 1

    def greet(self, connection: str) -> tuple[Client, HelloReply]:
        """Open a connection and say hello on it."""
        client = Client(*self.endpoint, COMPUTE_NODE, timeout_s=self.patience_s, what="compute node")
        self._stack.callback(client.close)
        return client, client.hello(self.introduction(connection))

    def introduction(self, connection: str) -> Hello:
        """What is said first on a connection."""
        hello = Hello(PROTOCOL_VERSION, "coordinator", coordinator=self._identity, connection=connection)
        return replace(hello, epoch=self.epoch)

    def told(self) -> tuple[str, ...]:
        """The tasks that the node says, at hello, to run or to keep the results of."""
        client, reply = self.greet("slot")
        client.close()
        return reply.attempts

    def slot(self) -> Client:
        return self.greet("slot")[0]

    def control(self) -> Client:
        return self.greet("control")[0]
