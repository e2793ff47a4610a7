"""The coordinators that call this node: their epochs, their connections, and what each has here."""

from __future__ import annotations

from dataclasses import dataclass, field

from compute_node.budget import Budget
from compute_node.models import RoundModels
from compute_node.results import KeptResults
from rpc.errors import Stale
from rpc.loop import Loop, Timer
from rpc.messages import Hello
from rpc.server import Caller

_GONE_S = 60.0


class Belongings:
    """What one coordinator has here."""

    def __init__(self, budget: Budget) -> None:
        self.models = RoundModels(budget)
        self.results = KeptResults(budget)

    @property
    def names(self) -> list[str]:
        """The vectors that it may name."""
        return [*self.models.names, *self.results.names]

    def forget_run(self, run: str) -> None:
        self.models.forget_run(run)
        self.results.forget_run(run)

    def forget_all(self) -> None:
        self.models.forget_all()
        self.results.forget_all()


@dataclass(slots=True)
class _Coordinator:
    here: Belongings
    epoch: int
    sessions: int = 0  # times that it has said hello on a control connection, which is always its first
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
        known = self._known.get(hello.coordinator) or _Coordinator(Belongings(self._budget), hello.epoch)
        if hello.epoch < known.epoch:
            raise Stale(f"a later start of coordinator {hello.coordinator} has called already")
        self._known[hello.coordinator] = known
        if hello.epoch > known.epoch:
            for earlier in known.connections - {caller}:
                earlier.close()
            known.here.models.forget_all()  # the results of the earlier start are what the later one asks for first
            known.epoch = hello.epoch
        if known.end is not None:
            known.end.cancel()
        known.sessions += hello.connection == "control"
        caller.attributes.update(here=known.here, session=known.sessions)
        if caller not in known.connections:
            known.connections.add(caller)
            caller.on_closed(lambda: self._closed(caller, hello.coordinator, known))

    def here(self, caller: Caller) -> Belongings:
        """What the coordinator at the other end has here."""
        here: Belongings = caller.attributes["here"]
        return here

    def check_present(self, caller: Caller) -> None:
        """Raise Stale if the coordinator has connected anew since this connection of it was opened.

        It was told then what lives here, and has gone on from that; what it had sent before may be read only now.
        """
        if caller.attributes["session"] < self._known[caller.attributes["coordinator"]].sessions:
            raise Stale("the coordinator has connected anew meanwhile")

    @property
    def is_fetching(self) -> bool:
        """Whether a coordinator fetches a delta."""
        return any(known.here.results.names for known in self._known.values())

    def _closed(self, caller: Caller, name: str, known: _Coordinator) -> None:
        known.here.results.fetched_by(caller)
        known.connections.discard(caller)
        if not known.connections:
            known.end = self._loop.call_later(self._gone_s, lambda: self._forget(name))

    def _forget(self, name: str) -> None:
        self._known.pop(name).here.forget_all()
