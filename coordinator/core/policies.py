"""Scheduling policies: each keeps its own index of the nodes that have a free slot, and chooses one of them for a task.

A choice costs O(log nodes) as long as most nodes fit the task; nodes that do not fit are passed over one by one.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping
from itertools import chain, islice
from random import Random
from typing import NamedTuple, Protocol

Test = Callable[[str], bool]


class Candidate(NamedTuple):
    """A node with a free slot, as policies see it."""

    id: str
    running: int = 0
    slots: int = 1
    service_s: float = 0.0  # smoothed time of a task; 0 while unknown


class Policy(Protocol):
    """Chooses the node of a task among those that were put and not removed since."""

    name: str

    def put(self, node: Candidate) -> None:
        """Add the node, or renew what is known of it."""

    def remove(self, node_id: str) -> None:
        """Forget the node, if it is there."""

    def choose(self, fits: Test, holder: str | None, rng: Random) -> str | None:
        """Return the id of a node that `fits`, or None. `holder` had the task's data last."""

    def first(self, n: int, fits: Test) -> list[str]:
        """Return the ids of up to `n` nodes that fit, in the order in which they would be chosen; changes nothing."""


class RandomChoice:
    """Any fitting node, all equally likely."""

    name = "random"

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._place: dict[str, int] = {}

    def put(self, node: Candidate) -> None:
        if node.id not in self._place:
            self._place[node.id] = len(self._ids)
            self._ids.append(node.id)

    def remove(self, node_id: str) -> None:
        place = self._place.get(node_id)
        if place is not None:
            self._swap(place, len(self._ids) - 1)
            self._ids.pop()
            del self._place[node_id]

    def choose(self, fits: Test, holder: str | None, rng: Random) -> str | None:
        # A shuffle (Fisher and Yates) that stops at the first node that fits: uniform over those that do.
        for first in range(len(self._ids)):
            self._swap(first, rng.randrange(first, len(self._ids)))
            if fits(self._ids[first]):
                return self._ids[first]
        return None

    def first(self, n: int, fits: Test) -> list[str]:
        return list(islice(filter(fits, self._ids), n))

    def _swap(self, one: int, other: int) -> None:
        ids = self._ids
        ids[one], ids[other] = ids[other], ids[one]
        self._place[ids[one]], self._place[ids[other]] = one, other


class RoundRobin:
    """The next fitting node after the one chosen last, in the order of ids."""

    name = "round-robin"

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._last = ""

    def put(self, node: Candidate) -> None:
        place = bisect_left(self._ids, node.id)
        if place == len(self._ids) or self._ids[place] != node.id:
            insort(self._ids, node.id)

    def remove(self, node_id: str) -> None:
        place = bisect_left(self._ids, node_id)
        if place < len(self._ids) and self._ids[place] == node_id:
            del self._ids[place]

    def choose(self, fits: Test, holder: str | None, rng: Random) -> str | None:
        start = bisect_right(self._ids, self._last)
        for step in range(len(self._ids)):
            node_id = self._ids[(start + step) % len(self._ids)]
            if fits(node_id):
                self._last = node_id
                return node_id
        return None

    def first(self, n: int, fits: Test) -> list[str]:
        start = bisect_right(self._ids, self._last)
        return list(islice(filter(fits, chain(self._ids[start:], self._ids[:start])), n))


Load = tuple[float, int]


class LoadBalancing:
    """The node that is expected to finish first.

    That is: smallest share of busy slots, then smallest smoothed time of a task (in steps of about a fifth, so that
    nodes of one speed tie), then the one that had the data last, then the smallest id.
    """

    name = "load-balancing"

    def __init__(self) -> None:
        self._load: dict[str, Load] = {}
        self._heap: list[tuple[Load, str]] = []  # with entries that are out of date, dropped when met

    def put(self, node: Candidate) -> None:
        load = load_of(node)
        if self._load.get(node.id) != load:
            self._load[node.id] = load
            heapq.heappush(self._heap, (load, node.id))
            if len(self._heap) > 4 * len(self._load) + 64:
                self._heap = [(each, node_id) for node_id, each in self._load.items()]
                heapq.heapify(self._heap)

    def remove(self, node_id: str) -> None:
        self._load.pop(node_id, None)

    def choose(self, fits: Test, holder: str | None, rng: Random) -> str | None:
        passed_over: list[tuple[Load, str]] = []
        found: str | None = None
        while self._heap and found is None:
            entry = self._heap[0]
            load, node_id = entry
            if self._load.get(node_id) != load:
                heapq.heappop(self._heap)
            elif fits(node_id):
                found = node_id
                if holder is not None and self._load.get(holder) == load and fits(holder):
                    found = holder
            else:
                passed_over.append(heapq.heappop(self._heap))
        for entry in passed_over:
            heapq.heappush(self._heap, entry)
        return found

    def first(self, n: int, fits: Test) -> list[str]:
        met: dict[str, Load] = {}
        found: list[str] = []
        while self._heap and len(found) < n:
            load, node_id = heapq.heappop(self._heap)
            if self._load.get(node_id) == load and node_id not in met:
                met[node_id] = load
                found += [node_id] if fits(node_id) else []
        for node_id, load in met.items():
            heapq.heappush(self._heap, (load, node_id))
        return found


def load_of(node: Candidate) -> Load:
    """What load balancing orders nodes by; a node whose speed is unknown goes before those with a known one."""
    step = round(4.0 * math.log2(node.service_s)) if node.service_s > 0.0 else -(10**6)
    return (node.running / node.slots, step)


POLICIES: Mapping[str, Callable[[], Policy]] = {
    "random": RandomChoice,
    "load-balancing": LoadBalancing,
    "round-robin": RoundRobin,
}
NUMBERS: Mapping[str, str] = {"1": "random", "2": "load-balancing", "3": "round-robin"}
