"""The connections of this process to the coordinator, shared by all requests: one for each call that is under way."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any

from rpc.async_client import AsyncClient
from rpc.errors import Unauthenticated, Unreachable
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply
from rpc.program import VERSION
from rpc.services import COORDINATOR
from rpc.tokens import WITHHELD, may_be_shown

_MOST_IDLE = 16
_MOST_AT_ONCE = 64  # calls that are answered at once: the coordinator has others to serve
_TIMEOUT_S = 30.0
_CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Way:
    """How the coordinator is reached: by a Unix socket, inside TLS, or (neither) as it is."""

    tls: ssl.SSLContext | None = None
    local_socket: str = ""


TCP = Way()


class Door:
    """Calls of the `Coordinator` service. Belongs to one event loop."""

    def __init__(self, host: str, port: int, token: str = "", way: Way = TCP) -> None:
        """All calls are those of whoever has this token."""
        self.way = way
        self.host = host
        self.port = port
        self.token = token
        self._idle: list[AsyncClient] = []
        self._turns = asyncio.Semaphore(_MOST_AT_ONCE)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    async def call(self, name: str, *args: Any, waits_s: float = 0.0) -> Any:
        """Return the answer to one call.

        A connection that ended while it was idle, as they all do when the coordinator is restarted, is no reason to
        fail: the call is made on a new one, once more where that was seen only under it. What starts or makes
        something carries a key.

        Args:
            waits_s: how long the coordinator is asked to hold the answer back.

        Raises:
            Unreachable: nobody listens there, or the connection ended.
            TrainerError: whatever the coordinator answered.
        """
        if waits_s:
            return await self._call_again(name, args, waits_s)
        async with self._turns:
            return await self._call_again(name, args, waits_s)

    async def _call_again(self, name: str, args: tuple[Any, ...], waits_s: float) -> Any:
        while self._idle:
            client = self._idle.pop()
            if client.is_over:
                client.close()
                continue
            try:
                return await self._call(client, name, args, waits_s)
            except Unreachable:
                self.close()  # the others are of the same age
        return await self._call(await self._connect(), name, args, waits_s)

    async def greeting(self) -> HelloReply:
        """Return what the coordinator has said to our hello: at once, as long as a connection is open since.

        Raises:
            Unauthenticated: it knows the token no more, or wants one.
            TrainerError: as `call`.
        """
        while self._idle and self._idle[-1].is_over:
            self._idle.pop().close()
        if not self._idle:
            client = await self._connect()
            self._keep(client)
            return client.greeting
        return self._idle[-1].greeting

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    async def _call(self, client: AsyncClient, name: str, args: tuple[Any, ...], waits_s: float) -> Any:
        try:
            return await client.call(name, *args, timeout_s=_TIMEOUT_S + waits_s)
        finally:
            self._keep(client)

    def _keep(self, client: AsyncClient) -> None:
        if not client.is_closed and len(self._idle) < _MOST_IDLE:
            self._idle.append(client)
        elif not client.is_closed:
            client.close()

    async def _connect(self) -> AsyncClient:
        is_secured = bool(self.way.tls or self.way.local_socket)
        token = self.token if may_be_shown(self.host, is_secured=is_secured) else ""
        hello = Hello(PROTOCOL_VERSION, "client", version=VERSION, token=token, connection="client")
        try:
            return await AsyncClient.connect(
                (self.host, self.port), COORDINATOR, hello,
                timeout_s=_CONNECT_S, tls=self.way.tls, local_socket=self.way.local_socket,
            )  # fmt: skip
        except Unreachable as error:
            raise Unreachable(f"the coordinator at {self} is away: {error}") from error
        except Unauthenticated as error:
            if token == self.token:
                raise
            raise Unauthenticated(f"the coordinator at {self} wants a token: {WITHHELD}") from error
