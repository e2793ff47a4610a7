"""Which shards take part in a round, for runs that use a fraction of them each time."""

from __future__ import annotations

import math
from hashlib import blake2b


def n_participants(n_shards: int, fraction: float) -> int:
    """How many of the shards take part in each round: 1 at least."""
    return max(1, min(n_shards, math.ceil(fraction * n_shards - 1e-9)))


def participants(n_shards: int, fraction: float, seed: int, number: int) -> list[int]:
    """Return the shards of round `number`, ascending; all equally likely, and the same ones every time it is asked."""
    count = n_participants(n_shards, fraction)
    if count == n_shards:
        return list(range(n_shards))
    # A hash and no generator: its numbers are the same in every version of Python.
    lots = sorted(range(n_shards), key=lambda shard: blake2b(f"{seed}/{number}/{shard}".encode()).digest())
    return sorted(lots[:count])
