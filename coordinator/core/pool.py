"""The nodes: their sessions, leases, slots and quarantine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from coordinator.core.keepers import Keepers
from coordinator.core.model import Attempt, Node, NodeState
from coordinator.core.node_facts import NO_TASKS, NodeInfo, TaskCounts
from coordinator.core.policies import Candidate, Policy, Test
from coordinator.core.scores import SHOWN, Scores

_MOST_NAMES = 256  # of labels, and of classes, that are taken from one node: it may send others all its life
_SMOOTHING = 0.2  # weight of the newest task in a node's service time


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Times in seconds. A node whose lease ended without a heartbeat is lost."""

    lease_s: float = 10.0
    blames: int = 3  # failures in a row that put a node into quarantine
    quarantine_s: float = 30.0  # the first time; doubles up to the longest
    quarantine_max_s: float = 600.0


class Quarantine(NamedTuple):
    """A node gets nothing until then, for this reason; 0.0: it is trusted."""

    until: float
    reason: str


_NONE = Quarantine(0.0, "")


class NodePool:
    """Every node there ever was, and the index of those with a free slot."""

    def __init__(self, policy: Policy, settings: PoolSettings) -> None:
        self._nodes: dict[str, Node] = {}
        self._policy = policy
        self._settings = settings
        self.free_slots = 0
        self.news: set[str] = set()  # nodes that may take what they have declined, or are new
        self._asked_at = 0.0  # about leases
        self._keepers = Keepers()
        self._drained: set[str] = set()
        self._recalled: dict[str, Quarantine] = {}  # of nodes that have not connected since the start
        self._past: dict[str, TaskCounts] = {}  # of those, too
        self._counted: dict[str, int] = {}

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def __len__(self) -> int:
        return len(self._nodes)

    def live(self) -> Iterator[Node]:
        """The nodes that may get tasks now or when a slot is free."""
        return (node for node in self._nodes.values() if node.takes_tasks)

    def get(self, node_id: str, session: int) -> Node | None:
        """The node, if this is its present session."""
        node = self._nodes.get(node_id)
        if node is None or node.session != session or node.state is NodeState.LOST:
            return None
        return node

    def current(self, node_id: str) -> Node | None:
        return self._nodes.get(node_id)

    def up(self, info: NodeInfo, session: int, now: float) -> Node:
        """A node said hello; what was counted and held against it before stays."""
        node = self._nodes.get(info.id)
        if node is None:
            node = self._nodes[info.id] = Node(info, session, now)
            node.until, node.quarantined_for = self._recalled.pop(info.id, _NONE)
            node.done, node.rejected, node.failed = self._past.pop(info.id, NO_TASKS)
        node.info, node.session, node.beat_at = info, session, now
        node.classes, node.labels = dict(info.numeric_classes), dict(info.labels)
        node.is_drained, node.is_leaving = info.id in self._drained, False
        self._keepers.said(info.id, info.kept)
        self.news.add(info.id)
        node.state = NodeState.QUARANTINED if now < node.until else NodeState.READY
        node.reason = node.quarantined_for if node.state is NodeState.QUARANTINED else ""
        if node.until and node.state is NodeState.READY:  # it ended while the node was away
            node.until, node.on_probation = 0.0, True
        self._index(node)
        return node

    def down(self, node: Node, reason: str) -> None:
        """The session ended; its attempts are over."""
        node.state, node.reason = NodeState.LOST, reason
        node.running.clear()
        self._index(node)

    def beat(self, node: Node, now: float, classes: Mapping[str, str], labels: Mapping[str, str]) -> None:
        node.beat_at = now
        _learn(node.classes, classes)
        if any(node.labels.get(name) != value for name, value in labels.items()):
            self.news.add(node.id)
            _learn(node.labels, labels)

    def expired(self, now: float) -> list[Node]:
        """The nodes whose lease is over.

        While nobody has asked for half a lease, the coordinator itself stood still: that time counts for no lease.
        """
        stood_still_s, self._asked_at = now - self._asked_at, now
        if stood_still_s > self._settings.lease_s / 2.0:
            for node in self:
                node.beat_at += stood_still_s
        last = now - self._settings.lease_s
        return [node for node in self if node.state is not NodeState.LOST and node.beat_at < last]

    def occupy(self, node: Node, attempt: Attempt) -> None:
        """The attempt takes a slot, until it is vacated or the session ends."""
        node.running[attempt.fence] = attempt
        self._index(node)

    def vacate(self, attempt: Attempt) -> None:
        """Free the slot that the attempt occupies, if it still occupies one."""
        node = self.get(attempt.node_id, attempt.session)
        if node is not None and node.running.pop(attempt.fence, None) is not None:
            self._keepers.asked(attempt.task_id, node.id)
            self._index(node)

    def runs(self, attempt: Attempt) -> bool:
        """Whether the attempt occupies a slot."""
        node = self.get(attempt.node_id, attempt.session)
        return node is not None and attempt.fence in node.running

    def praise(self, node: Node, attempt: Attempt, service_s: float) -> None:
        """The attempt succeeded in `service_s` seconds of work; its slot is free."""
        node.running.pop(attempt.fence, None)
        self._keepers.asked(attempt.task_id, node.id)
        node.done += 1
        node.blames, node.on_probation, node.quarantines = 0, False, 0
        old = node.service_s
        node.service_s = service_s if old == 0.0 else old + _SMOOTHING * (service_s - old)
        self._index(node)

    def blame(self, node: Node, reason: str, now: float) -> bool:
        """A failure was the node's fault; True if that puts it into quarantine."""
        node.failed += 1
        node.blames += 1
        if node.blames < self._settings.blames and not node.on_probation:
            return False
        node.quarantines += 1
        span = min(self._settings.quarantine_max_s, self._settings.quarantine_s * 2.0 ** (node.quarantines - 1))
        node.until, node.blames = now + span, 0
        if node.state is not NodeState.LOST:
            node.state = NodeState.QUARANTINED
        node.reason = node.quarantined_for = f"{reason}; tried again in {span:.0f} s"
        self._index(node)
        return True

    def recall(self, node_id: str, counts: TaskCounts, *, until: float = 0.0, reason: str = "") -> None:
        """The node had done so much before this start, and was in quarantine if `until` says so; it connects later."""
        self._past[node_id] = counts
        if until:
            self._recalled[node_id] = Quarantine(until, reason)

    def counts(self, node_id: str) -> TaskCounts:
        """What became of the tasks that the node was given, also before this start."""
        node = self._nodes.get(node_id)
        return self._past.get(node_id, NO_TASKS) if node is None else node.counts

    def quarantine(self, node_id: str) -> Quarantine:
        """Until when the node gets nothing after repeated failures, and for what; 0.0 for one that is trusted."""
        node = self._nodes.get(node_id)
        if node is None:
            return self._recalled.get(node_id, _NONE)
        return Quarantine(node.until, node.quarantined_for) if node.until else _NONE

    def readmit(self, now: float) -> list[Node]:
        """Let nodes whose quarantine is over take one task at a time until one succeeds."""
        back = [node for node in self if node.state is NodeState.QUARANTINED and node.until <= now]
        for node in back:
            node.state, node.reason, node.on_probation, node.until = NodeState.READY, "", True, 0.0
            self._index(node)
        return back

    def keeper(self, task_id: str) -> Node | None:
        """Return the node that keeps the result of the task, if it can hand it over now or soon."""
        node_id = self._keepers.of(task_id)
        node = self._nodes[node_id] if node_id is not None else None
        if node is None or not node.takes_tasks:
            return None
        return node if node.free_slots > 0 or self._keepers.is_handing_over(node) else None

    def drain(self, node_id: str, is_drained: bool) -> None:
        """Place nothing new on the node, or place again; holds over its sessions, and before the first."""
        (self._drained.add if is_drained else self._drained.discard)(node_id)
        self.news.add(node_id)
        node = self._nodes.get(node_id)
        if node is not None:
            node.is_drained = is_drained
            self._index(node)

    def has_left(self, node_id: str) -> bool:
        """Whether the node said that it goes, or somebody removed it: it was not brought down."""
        node = self._nodes.get(node_id)
        return node is not None and node.is_leaving

    def leaving(self, node: Node) -> None:
        """This session is the last one of the node for now."""
        node.is_leaving = True
        self._index(node)

    def pardon(self, node_id: str) -> bool:
        """Hold nothing against the node any more; False if it is not in quarantine."""
        node = self._nodes.get(node_id)
        if node is None:
            return self._recalled.pop(node_id, None) is not None
        if not (node.until or node.on_probation):
            return False
        node.until, node.blames, node.quarantines, node.on_probation = 0.0, 0, 0, False
        self.news.add(node_id)
        if node.state is NodeState.QUARANTINED:
            node.state, node.reason = NodeState.READY, ""
        self._index(node)
        return True

    def choose(self, fits: Test, holder: str | None, rng: Random) -> Node | None:
        """Return a node with a free slot that fits; `holder` had the data last, if the policy cares."""
        node_id = self._policy.choose(fits, holder, rng)
        return None if node_id is None else self._nodes[node_id]

    def scores(self, fits: Test) -> Scores:
        """Return what the policy sees now of the nodes that fit."""
        best = (self._nodes[node_id] for node_id in self._policy.first(SHOWN, fits))
        seen = tuple(Candidate(node.id, len(node.running), node.info.slots, node.service_s) for node in best)
        return Scores(self._policy.name, len(self._nodes), self.free_slots, seen)

    def _index(self, node: Node) -> None:
        node_id, free = node.id, max(0, node.free_slots)
        self.free_slots += free - self._counted.get(node_id, 0)
        self._counted[node_id] = free
        if free:
            self._policy.put(Candidate(node_id, len(node.running), node.info.slots, node.service_s))
        else:
            self._policy.remove(node_id)


def _learn(known: dict[str, str], said: Mapping[str, str]) -> None:
    """Take over what is said, without names beyond the most that are kept."""
    for name, value in said.items():
        if name in known or len(known) < _MOST_NAMES:
            known[name] = value
