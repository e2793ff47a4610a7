"""The client's connection to a coordinator, which outlives a short absence of either."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

from client.access import NO_ACCESS, Access
from client.servers import last_server
from rpc.addresses import USUAL_PORT, server_of_url, split_address
from rpc.client import Client
from rpc.errors import BadRequest, StoreDown, TrainerError, Unauthenticated, Unreachable
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply
from rpc.program import VERSION
from rpc.services import COORDINATOR
from rpc.tokens import WITHHELD, may_be_shown

DEFAULT_SERVER = f"localhost:{USUAL_PORT}"
OLD_VARIABLE = "API_URL"  # by which an older system's client was told its server

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0

logger = logging.getLogger(__name__)


def default_server() -> str:
    """Return the coordinator that is meant where none is named."""
    return _ours() or old_server() or DEFAULT_SERVER


def old_server() -> str:
    """The coordinator that an older system's variable names, or nothing."""
    url = os.environ.get(OLD_VARIABLE, "")
    return server_of_url(url) if url else ""


def told_server(server: str) -> str:
    """Return `server`; the log says so where it is an older system's variable that names it."""
    if server == old_server() and not _ours():
        logger.warning("%s is --server %s now", OLD_VARIABLE, server)
    return server


def _ours() -> str:
    return os.environ.get("ROUNDHOUSE_SERVER") or last_server()


def parse_server(text: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`; an IPv6 address stands in brackets.

    Raises:
        BadRequest: it is not of this form.
    """
    address = split_address(text)
    if address is None:
        raise BadRequest(f"server {text!r} is not HOST:PORT; the default is {DEFAULT_SERVER}")
    return address


class Link:
    """Calls to one coordinator. Not for several threads at once.

    Args:
        timeout_s: the longest that a call may take to be answered.
        patience_s: how long the coordinator may be away before `call_again` gives up.
        access: what the coordinator is shown.
    """

    def __init__(
        self, host: str, port: int, *, timeout_s: float, patience_s: float = 60.0, access: Access = NO_ACCESS
    ) -> None:
        self.host = host
        self.port = port
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._access = access
        self._client: Client | None = None
        self._greeted: HelloReply | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def open(self) -> None:
        """Connect, where there is no connection yet.

        Raises:
            Unreachable: nobody serves there; says how to start it.
            Refused: the coordinator speaks another version of the protocol, or wants another token.
        """
        self._client = self._client or self._connect()

    def greeted(self) -> HelloReply:
        """Return what the coordinator said to our hello, among it role and owner of our token; raises as `open`."""
        self.open()
        assert self._greeted is not None
        return self._greeted

    def owner(self) -> str:
        """Return the owner of our token, if we have one that has an owner; raises as `open`."""
        return self.greeted().owner if self._access.token else ""

    @property
    def is_secured(self) -> bool:
        """Whether calls go inside TLS."""
        return self._access.tls is not None

    def call(self, name: str, *args: Any, waits_s: float = 0.0) -> Any:
        """Return the answer to one call; connects first where there is no connection.

        Args:
            waits_s: how long the coordinator is asked to hold the answer back.

        Raises:
            Unreachable: nobody listens there, or the connection ended.
            TrainerError: whatever the coordinator answered.
        """
        client = self._client or self._connect()
        self._client = None  # kept only if the call ends well: after any error it is never used again
        try:
            answer = client.call(name, *args, timeout_s=self._timeout_s + waits_s)
        except BaseException:
            client.close()
            raise
        self._client = client
        return answer

    def call_again(self, name: str, *args: Any, waits_s: float = 0.0) -> Any:
        """As `call`, for calls that may be repeated: while patience lasts it outlives absences.

        Those of the coordinator, whose lost connection is made anew, and those of its store.

        Raises:
            Unreachable: the coordinator was away for too long.
            StoreDown: its store was.
        """
        give_up_at = time.monotonic() + self._patience_s + waits_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return self.call(name, *args, waits_s=waits_s)
            except (Unreachable, StoreDown) as error:
                if time.monotonic() + pause_s > give_up_at:
                    if isinstance(error, StoreDown):
                        raise
                    raise Unreachable(
                        f"the coordinator at {self} has been away for {self._patience_s:g} s: {error}"
                    ) from error
                news = isinstance(error, StoreDown) and pause_s == _FIRST_PAUSE_S
                logger.log(logging.WARNING if news else logging.INFO, "%s: %s; trying again", self, error)
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def another(self, timeout_s: float | None = None) -> Link:
        """Return a link of its own to the same coordinator, for another thread."""
        timeout_s = self._timeout_s if timeout_s is None else timeout_s
        return Link(self.host, self.port, timeout_s=timeout_s, patience_s=self._patience_s, access=self._access)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connect(self) -> Client:
        access = self._access
        is_secured = bool(access.tls or access.local_socket)
        token = access.token if may_be_shown(self.host, is_secured=is_secured) else ""
        hello = Hello(protocol=PROTOCOL_VERSION, role="client", version=VERSION, token=token, connection="client")
        client = Client(
            self.host, self.port, COORDINATOR,
            timeout_s=self._timeout_s, tls=access.tls, local_socket=access.local_socket,
        )  # fmt: skip
        try:
            client.connect()
        except Unreachable as error:
            if not isinstance(error.__cause__, ConnectionRefusedError):
                raise type(error)(f"{error}; check host and port") from error
            raise Unreachable(
                f"nobody serves at {self}; start the coordinator there with "
                f"`python coordinator.py {self.port} load-balancing`"
            ) from error
        try:
            self._greeted = client.hello(hello)
        except TrainerError as error:
            client.close()
            if isinstance(error, Unauthenticated) and token != access.token:
                raise Unauthenticated(f"{self} wants a token: {WITHHELD}") from error
            if self.is_secured or not isinstance(error, Unreachable):
                raise
            raise Unreachable(
                f"{error}; if it serves inside TLS, `client.py login` with what its operator tells you, or --tls-ca"
            ) from error
        return client
