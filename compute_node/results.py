"""Results that stay on this node until their round is committed: what was trained once is not trained again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from compute_node.budget import Budget
from rpc.errors import BadRequest, MissingBlob, OutOfMemory
from rpc.messages import PART_BYTES, TrainResult, TrainTask

DELTA = "delta:"  # names of deltas that wait to be fetched: delta:<attempt>

_MAX_NAME = 100
_ALL_ROUNDS = 1 << 31
_RUNS = 1000  # of which it is known how far they are; a task of a forgotten one tells it anew
_ENTRY_BYTES = 2000  # of a result beside its delta, roughly
# Of a run, whose results are kept. What is not committed yet is a few seconds of work; where that is more rounds, it is
# trained again sooner than memory would be fresh for all of it, round by round.
_KEPT_ROUNDS = 2


class Key(NamedTuple):
    """All that a result is a function of: its task, but for the attempt."""

    run: str
    round: int
    shard: int
    made_from: tuple[Any, ...]

    @property
    def place(self) -> str:
        """RUN/ROUND/SHARD, as the coordinator calls the task."""
        return f"{self.run}/{self.round}/{self.shard}"


def key_of(task: TrainTask) -> Key:
    """The key under which the result of the task is kept."""
    model = (task.model.dtype, task.model.length, task.model.digest)
    data = (task.blob, bytes(task.offset), bytes(task.scale))
    return Key(task.run, task.round, task.shard, (model, data, task.threads, task.settings))


@dataclass(eq=False, slots=True)
class _Kept:
    """A result with its whole delta; `asker`, if there is one, fetches the delta in parts."""

    key: Key
    result: TrainResult
    size_bytes: int
    asker: object = None

    @property
    def name(self) -> str:
        return DELTA + self.result.attempt


class KeptResults:
    """What one coordinator has here, answered or not. All methods run on the loop's thread."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._kept: dict[Key, _Kept] = {}
        self._fetched: dict[str, _Kept] = {}  # by name: those that an asker fetches
        self._committed: dict[str, int] = {}  # by run: the round up to which nobody asks for a result again
        self._rounds: dict[str, int] = {}  # by run: the round that it is at; a restart may take it back

    @property
    def places(self) -> list[str]:
        """The tasks whose results are here, the newest first."""
        return [key.place for key in reversed(self._kept)]

    @property
    def names(self) -> list[str]:
        """The deltas that are being fetched."""
        return list(self._fetched)

    def keep(self, key: Key, result: TrainResult, asker: object) -> TrainResult:
        """Keep a result; return it as it goes to the asker, a delta above one part by its name.

        Raises:
            OutOfMemory: there is no room for a delta that has to be fetched.
        """
        is_large = _delta_bytes(result) > PART_BYTES
        if self._is_committed(key) and not (is_large and asker):
            return result
        self._drop(self._kept.get(key))
        size = _delta_bytes(result) + _ENTRY_BYTES
        try:
            self._budget.take(size, DELTA + result.attempt)
        except OutOfMemory:
            if is_large:
                raise
            return result
        kept = self._kept[key] = _Kept(key, result, size)
        self._reached(key)
        return self._send(kept, asker)

    def answer(self, key: Key, task: TrainTask, asker: object) -> TrainResult | None:
        """Return a result that is here already as the one of this attempt, as `keep` does."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._fetched.pop(kept.name, None)
        kept.result = replace(kept.result, attempt=task.attempt, fence=task.fence)
        return self._send(kept, asker)

    def part(self, name: str, offset: int, length: int) -> memoryview:
        """Return a part of a delta.

        Raises:
            BadRequest: the offset is negative, or the length none of a part.
            MissingBlob: it is not here.
        """
        if offset < 0 or not 0 <= length <= PART_BYTES:
            raise BadRequest(f"{length} bytes from {offset} cannot be asked for; a part has up to {PART_BYTES}")
        kept = self._fetched.get(name)
        if kept is None:
            raise MissingBlob(f"{name[:_MAX_NAME]} is not on this node any more; train again")
        data = kept.result.delta.data
        assert data is not None
        return memoryview(data).cast("B")[offset : offset + length]

    def fetched(self, name: str) -> None:
        """A delta is fetched; harmless if it is not here."""
        kept = self._fetched.pop(name, None)
        if kept is not None:
            self._let_go(kept)

    def fetched_by(self, asker: object) -> None:
        """The asker has gone: it fetches nothing more."""
        for name in [name for name, kept in self._fetched.items() if kept.asker is asker]:
            self.fetched(name)

    def committed(self, run: str, number: int) -> None:
        """The rounds of the run up to this one are safe: nobody asks for their results again."""
        if number > self._committed.get(run, 0):
            self._committed[run] = number
            self._drop_those(lambda kept: kept.asker is None and self._is_committed(kept.key))

    def refuse(self, attempt: str) -> None:
        """Drop the result that this attempt was answered with: it is not wanted."""
        self._drop_those(lambda kept: kept.result.attempt == attempt)

    def forget_run(self, run: str) -> None:
        """The run is over; what still comes of it is not kept."""
        self._rounds.pop(run, None)
        self._committed.pop(run, None)
        self._committed[run] = _ALL_ROUNDS
        _forget_oldest(self._committed)
        self._drop_those(lambda kept: kept.key.run == run)

    def forget_all(self) -> None:
        self._committed.clear()
        self._rounds.clear()
        self._drop_those(lambda kept: True)

    def _reached(self, key: Key) -> None:
        if self._rounds.get(key.run) == key.round:
            return
        self._rounds[key.run] = key.round
        _forget_oldest(self._rounds)
        self._drop_those(lambda kept: kept.asker is None and self._is_outdated(kept.key))

    def _is_committed(self, key: Key) -> bool:
        return key.round <= self._committed.get(key.run, 0)

    def _is_outdated(self, key: Key) -> bool:
        return key.round <= self._rounds.get(key.run, 0) - _KEPT_ROUNDS

    def _send(self, kept: _Kept, asker: object) -> TrainResult:
        if asker is None or kept.size_bytes - _ENTRY_BYTES <= PART_BYTES:
            self._let_go(kept)
            return kept.result
        kept.asker = asker
        self._budget.need(kept)
        self._fetched[kept.name] = kept
        return replace(kept.result, delta=replace(kept.result.delta, name=kept.name, data=None))

    def _let_go(self, kept: _Kept) -> None:
        """Nobody fetches it now."""
        kept.asker = None
        if self._is_committed(kept.key) or self._is_outdated(kept.key):
            self._drop(kept)
        else:
            self._budget.spare(kept, lambda: self._drop(kept))

    def _drop_those(self, unwanted: Callable[[_Kept], bool]) -> None:
        for kept in [kept for kept in self._kept.values() if unwanted(kept)]:
            self._drop(kept)

    def _drop(self, kept: _Kept | None) -> None:
        if kept is not None:
            del self._kept[kept.key]
            self._fetched.pop(kept.name, None)
            self._budget.need(kept)
            self._budget.give_back(kept.size_bytes)


def _forget_oldest(by_run: dict[str, int]) -> None:
    if len(by_run) > _RUNS:
        del by_run[next(iter(by_run))]


def _delta_bytes(result: TrainResult) -> int:
    assert result.delta.data is not None
    return memoryview(result.delta.data).nbytes
