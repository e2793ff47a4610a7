"""The coordinators that call this node: their epochs, their connections, and the vectors that each has here."""

from __future__ import annotations

from dataclasses import dataclass, field

from compute_node.vectors import Budget, RoundVectors
from rpc.errors import Stale
from rpc.loop import Loop, Timer
from rpc.messages import Hello
from rpc.server import Caller

_GONE_S = 60.0


@dataclass(slots=True)
class _Coordinator:
    vectors: RoundVectors
    epoch: int
    connections: set[Caller] = field(default_factory=set)
    end: Timer | None = None


class Coordinators:
    """Keeps what a coordinator has here until a later start of it calls, or it has been gone for a minute."""

    def __init__(self, loop: Loop, budget: Budget, *, gone_s: float = _GONE_S) -> None:
        self._loop = loop
        self._budget = budget
        self._gone_s = gone_s
        self._known: dict[str, _Coordinator] = {}

    def greet(self, caller: Caller, hello: Hello) -> None:
        """Note a connection, and close those of earlier starts of the same coordinator.

        Raises:
            Stale: a later start of it has called.
        """
        known = self._known.get(hello.coordinator) or _Coordinator(RoundVectors(self._budget), hello.epoch)
        if hello.epoch < known.epoch:
            raise Stale(f"a later start of coordinator {hello.coordinator} has called already")
        self._known[hello.coordinator] = known
        if hello.epoch > known.epoch:
            for earlier in known.connections - {caller}:
                earlier.close()
            known.vectors.forget_all()
            known.epoch = hello.epoch
        if known.end is not None:
            known.end.cancel()
        caller.attributes["vectors"] = known.vectors
        if caller not in known.connections:
            known.connections.add(caller)
            caller.on_closed(lambda: self._closed(caller, hello.coordinator, known))

    def vectors_of(self, caller: Caller) -> RoundVectors:
        """What the coordinator at the other end has here."""
        vectors: RoundVectors = caller.attributes["vectors"]
        return vectors

    def _closed(self, caller: Caller, name: str, known: _Coordinator) -> None:
        known.vectors.forget_deltas_of(caller)
        known.connections.discard(caller)
        if not known.connections:
            known.end = self._loop.call_later(self._gone_s, lambda: self._forget(name))

    def _forget(self, name: str) -> None:
        self._known.pop(name).vectors.forget_all()
