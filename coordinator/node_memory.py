"""What is remembered of nodes: what happens to them when it does, how many tasks each has done a little later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from coordinator.core.events import Recalled
from coordinator.core.node_facts import TaskCounts
from coordinator.core.pool import NodePool
from coordinator.membership import Member, Membership
from coordinator.node_views import node_change
from coordinator.recorder import Recorder
from coordinator.store.changes import NodeSeen
from coordinator.views import Clock
from rpc.loop import Loop, Timer

_COUNT_S = 5.0  # a crash forgets the counts of so long; to write them with every task would cost as much as the task


class NodeMemory:
    """Everything is called on the loop's thread, and committed behind it."""

    def __init__(self, loop: Loop, recorder: Recorder, pool: NodePool, clock: Clock) -> None:
        self._loop = loop
        self._recorder = recorder
        self._pool = pool
        self._clock = clock
        self._written: dict[str, TaskCounts] = {}
        self._timer: Timer | None = None

    def recalled(self, known: Iterable[NodeSeen]) -> Iterator[Recalled]:
        """What the dispatcher must know of the nodes of before this start."""
        now_ms = self._clock.now_ms()
        for seen in known:
            counts = self._written[seen.id] = TaskCounts(seen.done, seen.rejected, seen.failed)
            until = self._clock.monotonic(seen.until_ms) if seen.until_ms > now_ms else 0.0
            yield Recalled(seen.id, until, seen.reason if until else "", counts)

    def changed(self, member: Member) -> None:
        """Something happened to a node, or was decided of it."""
        self._written[member.link.id] = self._pool.counts(member.link.id)
        self._recorder.add(node_change(member, self._pool, self._clock))

    def watch(self, members: Membership) -> None:
        """Remember from now on what the nodes have done."""
        self.count(members)
        self._timer = self._loop.call_later(_COUNT_S, lambda: self.watch(members))

    def count(self, members: Membership) -> None:
        """Remember what they have done until now."""
        for member in members:
            if self._written.get(member.link.id) != self._pool.counts(member.link.id):
                self.changed(member)

    def close(self, members: Membership) -> None:
        """Remember it a last time."""
        if self._timer is not None:
            self._timer.cancel()
        self.count(members)
