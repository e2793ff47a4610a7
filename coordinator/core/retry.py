"""What a failure means for its task and for the node it happened on, and how long to wait before the next try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from rpc.errors import FailureKind


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that double from `first_s` to `max_s`, each drawn from half to one and a half of its value."""

    first_s: float
    max_s: float

    def delay_s(self, n: int, rng: Random) -> float:
        """Return the delay in seconds before the try after the `n`-th setback, n = 1, 2, ..."""
        return min(self.max_s, self.first_s * 2.0 ** min(n - 1, 30)) * rng.uniform(0.5, 1.5)


@dataclass(frozen=True, slots=True)
class Rule:
    """`tries`: how often a task may fail this way in all (0: as often as the work allows); `blames` the node."""

    tries: int
    blames: bool


# The table of docs/trouble.md. What is not in it is retried and blamed on the node.
RULES: Mapping[FailureKind, Rule] = {
    FailureKind.USER_ERROR: Rule(tries=1, blames=False),
    FailureKind.DIVERGED: Rule(tries=2, blames=False),
    FailureKind.SETUP_FAILED: Rule(tries=0, blames=False),  # on the coordinator's side
    FailureKind.MISSING_BLOB: Rule(tries=0, blames=False),
    FailureKind.STALE: Rule(tries=0, blames=False),
    FailureKind.CANCELLED: Rule(tries=0, blames=False),
    FailureKind.NODE_LOST: Rule(tries=0, blames=False),
}
OTHERWISE = Rule(tries=0, blames=True)


def rule_for(kind: FailureKind) -> Rule:
    return RULES.get(kind, OTHERWISE)
