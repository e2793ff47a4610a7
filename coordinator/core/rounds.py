"""One round: which deltas are there, which may be fetched, and what the round cost."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from coordinator.core.deadlines import RoundDeadline
from coordinator.core.updates import Update
from coordinator.core.workload import Trained
from mlcore.aggregation import MEAN, Aggregation
from mlcore.reduction import Addition, ReductionTree, Slot
from rpc.messages import RoundRow

FETCH_WINDOW = 4  # large deltas fetched at once


@dataclass(slots=True)
class RoundFigures:
    """What a round cost and brought, as it becomes known. Times in seconds, summed over the tasks."""

    round: int
    started_at: float
    validation_error: float | None = None
    validation_loss: float | None = None
    train_loss: float = 0.0
    seconds: float = 0.0
    wait_s: float = 0.0
    send_s: float = 0.0
    compute_s: float = 0.0
    receive_s: float = 0.0
    reduce_s: float = 0.0
    validate_s: float = 0.0
    tasks: int = 0
    rejections: int = 0
    retries: int = 0
    epochs_run: int = 0
    commit_s: float | None = None
    last: tuple[int, Trained, float] | None = None  # the shard that came last, what it brought, and when
    left_out: tuple[int, ...] = ()  # shards that came too late: with them the round can be computed again
    updates: dict[int, Update] = field(default_factory=dict)  # by shard, until they are taken to be remembered

    @classmethod
    def of(cls, row: RoundRow) -> RoundFigures:
        """The figures of a round that was committed before."""
        return cls(started_at=0.0, **{name: getattr(row, name) for name in RoundRow.__dataclass_fields__})

    def set_back(self, rejected: bool) -> None:
        """An attempt was rejected, or failed."""
        self.rejections += rejected
        self.retries += not rejected

    def add(self, result: Trained, shard: int, now: float) -> None:
        """The delta of a shard is here."""
        self.last = shard, result, now
        self.updates[shard] = Update(result.digest, result.node)
        self.tasks += 1
        self.train_loss += result.loss
        self.epochs_run += result.epochs_run
        self.send_s += result.send_s
        self.compute_s += result.compute_s
        self.receive_s += result.receive_s

    def committed(self, now: float) -> None:
        """The round is remembered."""
        self.commit_s = now - self.started_at - self.seconds

    def take_updates(self) -> dict[int, Update]:
        """Hand over the updates, which whoever takes them remembers."""
        updates, self.updates = self.updates, {}
        return updates

    @property
    def critical(self) -> CriticalPath | None:
        """What the round had to wait for: the task that came last, from the start of the round on."""
        if self.last is None or self.left_out:
            return None  # or the deadline was
        shard, result, arrived_at = self.last
        work_s = result.send_s + result.compute_s + result.receive_s
        wait_s = max(0.0, arrived_at - self.started_at - work_s)
        return CriticalPath(shard, result.node, wait_s, result.send_s, result.compute_s, result.receive_s)

    def row(self) -> RoundRow:
        fields = {name: getattr(self, name) for name in RoundRow.__dataclass_fields__}
        return RoundRow(**fields)


class CriticalPath(NamedTuple):
    """The task that its round waited for; times in seconds. `wait_s` is all that was neither work nor transfer."""

    shard: int
    node: str
    wait_s: float
    send_s: float
    compute_s: float
    receive_s: float


class Round:
    """The deltas of one round on their way into the sum.

    Args:
        weights: of all shards.
        chosen: the shards that take part; None: all.
        at_once: keep the deltas until all are there: for robust aggregations, and for rounds that all shards take part
            in with models so small that memory does not matter.

    Attributes:
        divisor: of the sum; a robust aggregate is not divided.
        aggregation: what is made of the deltas.
        deadline: when it closes without what is missing, if ever.
    """

    def __init__(
        self,
        number: int,
        weights: Sequence[int],
        now: float,
        *,
        chosen: Collection[int] | None = None,
        deadline: RoundDeadline | None = None,
        aggregation: Aggregation = MEAN,
        at_once: bool = False,
    ) -> None:
        self.number = number
        self.figures = RoundFigures(number, now)
        self.deadline = deadline
        self.aggregation = aggregation
        self.divisor = 1 if aggregation.is_robust else sum(weights)
        self._weights = weights
        self._n_shards = len(weights)
        self._tree = ReductionTree(self._n_shards)
        self._here: set[int] = set()
        self._first_missing = 0
        self._held = 0  # vectors: deltas that arrived, and the sums they became
        self._at_once = at_once
        self._deltas = [""] * self._n_shards
        if chosen is not None:
            for shard in sorted(set(range(self._n_shards)).difference(chosen)):
                self.leave_out(shard)

    def arrived(self, shard: int, holder: str) -> Addition | None:
        """Take in the delta of `shard`, held as `holder`; return the addition it makes possible."""
        self._held += 1
        self._is_here(shard)
        if self._at_once:
            self._deltas[shard] = holder
            return None
        return self._tree.fill((0, shard), holder)

    def leave_out(self, shard: int) -> Addition | None:
        """The shard has no part in this round; return the addition that becomes possible without it."""
        if not self.aggregation.is_robust:
            self.divisor -= self._weights[shard]
        self._is_here(shard)
        return None if self._at_once else self._tree.leave_out(shard)

    def at_its_deadline(self) -> Round:
        """The round, whose deadline has come."""
        assert self.deadline is not None
        self.deadline.passed()
        return self

    @property
    def late(self) -> tuple[int, ...]:
        """The shards to go on without: those that are missing at the deadline, if enough are in."""
        if self.deadline is None or not self.deadline.closes:
            return ()
        return tuple(shard for shard in range(self._first_missing, self._n_shards) if shard not in self._here)

    def _is_here(self, shard: int) -> None:
        """Nothing of the shard is missing any more."""
        self._here.add(shard)
        while self._first_missing in self._here:
            self._here.remove(self._first_missing)
            self._first_missing += 1

    def added(self, slot: Slot, holder: str) -> Addition | None:
        """An addition is done; return the next one."""
        self._held -= 1
        return self._tree.fill(slot, holder)

    @property
    def summands(self) -> tuple[str, ...]:
        """The holders whose sum is that of the round; none while it is not complete."""
        if self._at_once:
            return tuple(filter(None, self._deltas)) if self._first_missing == self._n_shards else ()
        return () if self._tree.root is None else (self._tree.root,)

    def may_fetch(self, shard: int) -> bool:
        """Whether the delta of `shard` should come now.

        Only the first few missing shards, and fewer while additions lag behind: what is held is then at most
        one partial sum per level of the tree and FETCH_WINDOW deltas, for any number of nodes.
        """
        lag = 0 if self._at_once else max(0, self._held - self._n_shards.bit_length())
        return shard < self._first_missing + FETCH_WINDOW - lag
