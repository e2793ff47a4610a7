"""When a round closes without the shards that are not in."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from coordinator.core.workload import Remark
from rpc.messages import ADAPTIVE, RunSpec

_SPREADS = 4.0  # median absolute deviations above the median: what is later is a straggler, not the tail of the others
_LEAST = 1.5  # medians: shards that take the same time to a hair must not make a hair's delay late


class RoundDeadline:
    """The deadline of one round; times in seconds.

    An adaptive one is set when half of the shards are in, by how long those took.

    Attributes:
        at: when the round should close; None if it has no deadline, not yet, or no more.
    """

    def __init__(self, spec: RunSpec, n_shards: int, started_at: float) -> None:
        self.at = started_at + spec.round_deadline_s if spec.round_deadline_s > 0.0 else None
        self._is_adaptive = spec.round_deadline_s == ADAPTIVE
        self._half = (n_shards + 1) // 2
        self._least = min(max(1, spec.min_shards), n_shards)
        self._started_at = started_at
        self._took_s: list[float] = []
        self._has_passed = False

    def arrived(self, now: float) -> None:
        """One more shard is in."""
        self._took_s.append(now - self._started_at)
        if self._is_adaptive and len(self._took_s) == self._half:
            usual = median(self._took_s)
            spread = median(abs(took_s - usual) for took_s in self._took_s)
            self.at = self._started_at + max(usual + _SPREADS * spread, _LEAST * usual)

    def passed(self) -> None:
        """Its time has come."""
        self.at, self._has_passed = None, True

    @property
    def closes(self) -> bool:
        """Whether the round should go on without what is missing."""
        return self._has_passed and len(self._took_s) >= self._least


def left_out(spec: RunSpec, number: int, late: Iterable[int]) -> Remark:
    """Tell which shards a round goes on without."""
    files = ", ".join(spec.shards[shard].file for shard in late)
    return Remark("left out", f"not in at the round's deadline: {files}", number)
