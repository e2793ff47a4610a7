"""Slots that were freed for work: in the gaps between its tasks no script job of a lower priority takes them.

A run has no task ready between two rounds. A job that took its slot then would have it for hours, or be ended again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from coordinator.core.model import Attempt, Node, Work
from coordinator.core.policies import Test
from coordinator.core.pool import NodePool
from coordinator.core.scripting import GRACE_S

_UNUSED_S = 30.0  # longer than any gap that is worth it


@dataclass(slots=True)
class _Kept:
    """What of a node is kept free for work, which had done so many tasks there when it was last looked at."""

    work: Work
    until: float
    done: int
    ended: list[Attempt] = field(default_factory=list)  # those whose slots they are, or will be


class KeptFree:
    """Which works had slots freed for them, and on which nodes."""

    def __init__(self, pool: NodePool) -> None:
        self._pool = pool
        self._kept: dict[str, dict[str, _Kept]] = {}  # by node and work
        self._vain: dict[tuple[str, str], int] = {}  # by work and node: tasks done there when a slot was freed

    def may_free(self, work: Work, node_id: str) -> bool:
        """Whether the work has made use of what was freed for it there: what is freed in vain is so once."""
        before = self._vain.get((work.id, node_id))
        return before is None or work.done_by_node[node_id] > before

    def freed(self, work: Work, node_id: str, ended: Sequence[Attempt], now: float) -> None:
        """The slots of these attempts, which are about to end, are freed for the work."""
        done = self._vain[work.id, node_id] = work.done_by_node[node_id]
        kept = self._kept.setdefault(node_id, {}).setdefault(work.id, _Kept(work, 0.0, done))
        kept.ended += ended
        kept.until = now + GRACE_S + _UNUSED_S

    def look(self, open_works: Mapping[str, Work], now: float) -> None:
        """Let go of what nobody makes use of."""
        self._vain = {each: done for each, done in self._vain.items() if each[0] in open_works}
        for node_id, works in list(self._kept.items()):
            for work_id, kept in list(works.items()):
                if not self._is_of_use(kept, node_id, now):
                    del works[work_id]
            if not works:
                del self._kept[node_id]

    def without(self, work: Work, suitable: Test) -> Test:
        """The same without the nodes whose free slots are all kept for works that go before this one."""
        if not (self._kept and work.claim.holds_place):
            return suitable
        return lambda node_id: suitable(node_id) and (node_id not in self._kept or self._is_free_for(work, node_id))

    def _is_free_for(self, work: Work, node_id: str) -> bool:
        node = self._pool.current(node_id)
        if node is None:
            return False
        before = (each for each in self._kept[node_id].values() if each.work.claim.priority > work.claim.priority)
        return node.free_slots > sum(self._unused(each, node) for each in before)

    def _is_of_use(self, kept: _Kept, node_id: str, now: float) -> bool:
        work, done = kept.work, kept.work.done_by_node[node_id]
        if work.state.is_final or self._is_declined(kept, node_id):
            return False
        if work.claim.holds_place and work.nodes and node_id not in work.nodes:
            return False  # its only task has found another place
        if node_id in work.nodes or done > kept.done:
            kept.done, kept.until = done, max(kept.until, now + _UNUSED_S)
        return now < kept.until

    def _unused(self, kept: _Kept, node: Node) -> int:
        used = kept.work.nodes.get(node.id, 0)
        if kept.work.state.is_final or (used and kept.work.claim.holds_place) or self._is_declined(kept, node.id):
            return 0
        return max(0, len(kept.ended) - used)

    def _is_declined(self, kept: _Kept, node_id: str) -> bool:
        """Whether the node wants none of what the work has for it, though all have ended that were to."""
        tasks = kept.work.tasks.values()
        if not tasks or not all(node_id in task.refused_by for task in tasks):
            return False
        return not any(self._pool.runs(attempt) for attempt in kept.ended)
