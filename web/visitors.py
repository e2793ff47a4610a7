"""Who asks: for each token a way to the coordinator of its own, and news of its own: nobody sees what is another's."""

from __future__ import annotations

from collections import OrderedDict

from rpc.tokens import digest_of
from web.door import TCP, Door, Way
from web.live import Live

_MOST = 256  # tokens whose connections are kept


class Visitor:
    """Whoever shows one token. Attributes: door, live: the coordinator, and its news, as they are for these."""

    def __init__(self, address: tuple[str, int], token: str, way: Way) -> None:
        self.door = Door(*address, token, way)
        self.live = Live(self.door)


class Visitors:
    """All of them. Belongs to one event loop.

    Attributes:
        own: this program itself.
    """

    def __init__(self, host: str, port: int, *, own_token: str = "", way: Way = TCP) -> None:
        self.own = Visitor((host, port), own_token, way)
        self._address = (host, port)
        self._way = way
        self._known: OrderedDict[str, Visitor] = OrderedDict()

    def __str__(self) -> str:
        return str(self.own.door)

    def of(self, token: str) -> Visitor:
        """Return whoever shows this token; empty: none."""
        name = digest_of(token) if token else ""
        visitor = self._known.get(name)
        if visitor is None:
            visitor = self._known[name] = Visitor(self._address, token, self._way)
        self._known.move_to_end(name)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)[1].door.close()
        return visitor

    def close(self) -> None:
        """Close what is idle."""
        for visitor in (self.own, *self._known.values()):
            visitor.door.close()
