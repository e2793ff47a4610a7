"""A cheap exact trainer: a vector is a 64-bit digest, so that a lost, doubled or swapped shard shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType

from mlcore.aggregation import Aggregation
from mlcore.participation import participants
from rpc.messages import RunSpec

NOTHING: Mapping[int, Sequence[int]] = MappingProxyType({})


def digest(*parts: object) -> int:
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=8).digest())


def start_model(seed: int) -> int:
    return digest("start", seed)


def delta(model: int, seed: int, place: tuple[int, int], weight: int) -> int:
    """The delta of the shard in the round, `place` = (round, shard), already multiplied by its weight."""
    return digest("delta", model, seed, place, weight)


def add(left: int, right: int) -> int:
    """Commutative like the addition of floats, and like it not associative."""
    return digest("sum", *sorted((left, right)))


def tree_sum(level: Sequence[int | None]) -> int:
    """The sum of what stands on a level of the tree; the sibling of one that is left out moves up alone."""
    while len(level) > 1:
        paired = [_pair(*level[at : at + 2]) for at in range(0, len(level) - 1, 2)]
        level = [*paired, *level[2 * len(paired) :]]
    assert level[0] is not None
    return level[0]


def _pair(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return add(left, right)


def aggregate(how: Aggregation, deltas: Sequence[int | None]) -> int:
    """What becomes of the deltas of a round, in the order of the shards, or of their sum alone."""
    return digest(how, *(each for each in deltas if each is not None)) if how.is_robust else tree_sum(deltas)


def average(model: int, total: int, divisor: int, state: int | None = None) -> int:
    return digest("average", model, total, divisor, *(() if state is None else (state,)))


def next_state(optimizer: str, state: int | None, total: int) -> int | None:
    """What the server optimizer keeps after a round, where it keeps anything."""
    return digest("state", state, total) if optimizer == "fedavgm" else None


def validation_error(model: int) -> float:
    """Somewhere in 0..1, always the same for a model."""
    return digest("validation", model) / 2.0**64


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run comes to when nothing goes wrong: the model of every round, and the round it ends at."""

    versions: tuple[int, ...]
    last_round: int


def expected(spec: RunSpec, rows: Sequence[int], left_out: Mapping[int, Sequence[int]] = NOTHING) -> Expected:
    """Train without nodes, dispatcher or faults; `left_out` are the shards that rounds had to do without."""
    how = Aggregation(spec.aggregation, spec.trim)
    weights = rows if spec.weighting == "rows" and not how.is_robust else [1] * len(rows)
    versions, state = [start_model(spec.seed)], None
    for number in range(1, spec.rounds + 1):
        model = versions[-1]
        chosen = participants(len(rows), spec.fraction, spec.seed, number)
        shards = [shard for shard in chosen if shard not in left_out.get(number, ())]
        level: list[int | None] = [None] * len(rows)
        for shard in shards:
            level[shard] = delta(model, spec.seed, (number, shard), weights[shard])
        divisor = 1 if how.is_robust else sum(weights[shard] for shard in shards)
        total = aggregate(how, level)
        state = next_state(spec.server_optimizer, state, total)
        versions.append(average(model, total, divisor, state))
    return Expected(tuple(versions), _last_round(spec, versions))


def _last_round(spec: RunSpec, versions: Sequence[int]) -> int:
    best, best_round = math.inf, 0
    for number in range(1, spec.rounds + 1):
        error = validation_error(versions[number])
        if error < best:
            best, best_round = error, number
        if error <= spec.target_error or (spec.patience and number - best_round >= spec.patience):
            return number
    return spec.rounds
