"""A run that repeats another one and compares: each update must have the digest that was recorded for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from coordinator.core.updates import Update
from coordinator.core.workload import End, Queue, TaskSpec, Trained, TrainPayload
from rpc.errors import FailureKind
from rpc.messages import DataFile

VERIFY = "verify"  # what kind of work it is

Place = tuple[int, int]  # round and shard


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is known of the run that is verified.

    Attributes:
        updates: of all its shards that took part, by round and shard.
        doubts: other updates than those recorded, until a third node has decided.
        sampled: those that are computed again whatever the memo knows; the others, if it does not know them.
    """

    run: str
    numeric_class: str
    updates: Mapping[Place, Update]
    sampled: frozenset[Place]
    doubts: dict[Place, Update] = field(default_factory=dict)

    @property
    def last_round(self) -> int:
        """No later one is looked at."""
        return max(number for number, _ in self.sampled)

    def repeated(self, task: TaskSpec) -> TaskSpec:
        """The task as the verification has it done: best by another node."""
        if not isinstance(task.payload, TrainPayload):
            return task
        payload = replace(task.payload, is_fresh=task.order in self.sampled)
        return task._replace(payload=payload, avoid=(self.updates[task.order].node,))

    def check(self, task: TaskSpec, result: Trained, shards: Sequence[DataFile]) -> Queue | End | None:
        """Return nothing if an update is the recorded one, else the next step: a third node decides who is wrong."""
        old, first = self.updates[task.order], self.doubts.get(task.order)
        found = Update(result.digest, result.node)
        if first is None and found.digest == old.digest:
            return None
        if first is None:
            self.doubts[task.order] = found
            assert isinstance(task.payload, TrainPayload)
            payload = replace(task.payload, is_fresh=True)
            return Queue(task._replace(payload=payload, avoid=(old.node, found.node)))
        place = f"MISMATCH in round {task.order[0]}, shard {shards[task.order[1]].file}"
        return End(FailureKind.BAD_UPDATE, f"{place}: {_verdict(old, first, found)}")


def _verdict(old: Update, first: Update, third: Update) -> str:
    """Who is wrong: the node whose update was recorded, or the first one that computed it again."""
    if third.node in (old.node, first.node):
        return f"{_says(old)}, {_says(first)} from the same inputs; there is no third node to say which is wrong"
    if third.digest == first.digest:
        return f"{_says(old)}; {first.node} and {third.node} compute {_hex(first)} from the same inputs"
    if third.digest == old.digest:
        return f"{_says(first)} in the verification; {old.node} and {third.node} compute {_hex(old)}, as recorded"
    return f"{_says(old)}, {_says(first)}, {_says(third)} from the same inputs"


def _says(update: Update) -> str:
    return f"node {update.node} gave {_hex(update)}"


def sample(places: Iterable[Place], share: float, seed: int) -> frozenset[Place]:
    """Choose this share of the updates, one at least, all equally likely; the same ones for the same seed."""
    lots = sorted(places, key=lambda place: blake2b(f"{seed}/{place[0]}/{place[1]}".encode()).digest())
    return frozenset(lots[: max(1, math.ceil(share * len(lots) - 1e-9))])


def _hex(update: Update) -> str:
    return f"{update.digest & (1 << 64) - 1:016x}"
