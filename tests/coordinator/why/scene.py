"""A dispatcher with nodes and runs, and a store that remembers what it says: what answers are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from coordinator.chronicle import Chronicle
from coordinator.core.events import Event, NodeUp, Note, SetBack, Submitted
from coordinator.core.model import Work
from coordinator.core.training import TrainingRun
from coordinator.journal import Journal
from coordinator.store.changes import Change
from coordinator.store.store import Store
from coordinator.views import Clock
from coordinator.why.now import WorkNow, work_now
from coordinator.why.works import why_work
from rpc.codec import to_bytes
from rpc.messages import Why
from tests.coordinator.runs import node, spec
from tests.coordinator.store.stores import Batches, submitted
from tests.coordinator.test_dispatcher import dispatcher_with
from tests.rpc.running import RunningLoop


class Scene:
    """Everything at the time that `handle` was told last."""

    def __init__(self, store: Store, *nodes: str) -> None:
        self.dispatcher = dispatcher_with()
        self.reader = store.reader
        self._batches = Batches(store)
        self._changes: list[Change] = []
        self._running = RunningLoop()
        self._chronicle = Chronicle(Journal(self._running.loop), Clock(0.0), remember=self._changes.append)
        for name in nodes:
            self.handle(NodeUp(node(name), 1))

    def close(self) -> None:
        self._running.close()

    def handle(self, *events: Event, now: float = 0.0) -> None:
        """Let these happen, and be remembered."""
        for event in events:
            for command in self.dispatcher.handle(event, now):
                if isinstance(command, Note):
                    self._chronicle.tell(command)
                elif isinstance(command, SetBack):
                    self._chronicle.set_back(command)
        self.remember(*self._changes)
        self._changes.clear()

    def remember(self, *changes: Change) -> None:
        self._batches.write(*changes)

    def submit(self, name: str, n_shards: int = 2, **settings: Any) -> Work:
        """Hand in a run."""
        wanted = spec(n_shards, **settings)
        self.remember(submitted(name, to_bytes(wanted)))
        self.handle(Submitted(TrainingRun(name, wanted, 0.0)))
        return self.dispatcher.work[name]

    def now(self, name: str) -> WorkNow:
        return work_now(self.dispatcher.work[name], self.dispatcher, (), Clock(0.0))

    def why(self, name: str, store_fault: str = "") -> Why:
        """Why the run is as it is."""
        known = name in self.dispatcher.work
        return why_work(name, self.now(name) if known else None, self.reader, store_fault)


def texts(why: Why, about: str) -> Sequence[str]:
    return [reason.text for reason in why.reasons if reason.about == about]
