"""How the connections to a node come about: the coordinator dials it, or it has dialled the coordinator."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from rpc.transport import Connection

Address = tuple[str, int]  # host and port
Use = Callable[[Connection | None], None]


class Line(Protocol):
    """What leads to one node for one session.

    Attributes:
        address: where the node listens, or where it has come from.
        control: the connection that is there already, or None where one has to be dialled.
    """

    address: Address
    control: Connection | None

    def slot(self, use: Use) -> None:
        """Call `use`, now or later, with the connection for a slot; with None where it has to be dialled."""

    def close(self) -> None:
        """Close what nobody has used."""


class Dialled:
    """A node that listens."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.control: Connection | None = None

    def slot(self, use: Use) -> None:
        use(None)

    def close(self) -> None:
        pass


class Joined:
    """A node that has dialled in, once for control and once for each slot.

    Attributes:
        number: what the node calls this joining.
    """

    def __init__(self, number: int, control: Connection) -> None:
        host, _, port = control.peer.rpartition(":")
        self.number = number
        self.address = (host, int(port or 0))
        self.control: Connection | None = control
        self._spare: deque[Connection] = deque()
        self._wanted: deque[Use] = deque()
        self._is_closed = False

    def slot(self, use: Use) -> None:
        while self._spare:
            connection = self._spare.popleft()
            if not connection.closed:
                use(connection)
                return
        self._wanted.append(use)

    def add(self, connection: Connection) -> None:
        """The node has opened one more connection for a slot."""
        if self._is_closed:
            connection.close()
        elif self._wanted:
            self._wanted.popleft()(connection)
        else:
            self._spare.append(connection)

    def close(self) -> None:
        self._is_closed = True
        self._wanted.clear()
        while self._spare:
            self._spare.popleft().close()
