"""Which rounds of a run can be gone on from: the last few, and the one with the lowest validation error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mlcore.kernels.backend import FloatArray
from rpc.messages import RoundRow

_MODEL, _OPTIMIZER = "model@", "optimizer@"  # roles of files are these with the number of the round


def model_role(number: int) -> str:
    """What the model of a round is to its run."""
    return f"{_MODEL}{number}"


def optimizer_role(number: int) -> str:
    """What the state of the server optimizer after a round is to its run."""
    return f"{_OPTIMIZER}{number}"


def stored_rounds(roles: Iterable[str]) -> list[int]:
    """The rounds whose model is stored, ascending, of a run whose files have these roles."""
    return sorted(int(role.removeprefix(_MODEL)) for role in roles if role.startswith(_MODEL))


class Version(NamedTuple):
    """The vectors of a round; neither changes any more."""

    model: FloatArray
    optimizer: FloatArray | None


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be stored, by round, and which rounds need not be any longer."""

    new: Mapping[int, Version]
    dropped: tuple[int, ...]


class Checkpoints:
    """Takes note of rounds in their order; says from time to time what must be stored of them.

    Args:
        keep: how many of the last rounds are stored, besides the best one.
        rows: the rounds before, of this run alone.
        stored: those of them whose model is stored.
    """

    def __init__(self, keep: int, rows: Iterable[RoundRow] = (), stored: Iterable[int] = ()) -> None:
        self._keep = keep
        self._stored = set(stored)
        self._waiting: dict[int, Version] = {}
        self._last = self._best = 0
        self._best_error = math.inf
        for row in rows:
            self._rank(row.round, row.validation_error)

    def __contains__(self, number: int) -> bool:
        """Whether a round is stored, or will be."""
        return number in self._stored or number in self._waiting

    def note(self, number: int, error: float | None, version: Version) -> None:
        """A round is done."""
        self._rank(number, error)
        self._waiting[number] = version
        for each in [*self._dropped(self._waiting)]:
            del self._waiting[each]

    def settle(self) -> Change:
        """What to store and to drop now, so that exactly the rounds to keep are stored."""
        new, self._waiting = self._waiting, {}
        dropped = tuple(self._dropped(self._stored))
        self._stored = self._stored.difference(dropped).union(new)
        return Change(new, dropped)

    def _rank(self, number: int, error: float | None) -> None:
        self._last = number
        if error is not None and error < self._best_error:
            self._best, self._best_error = number, error

    def _dropped(self, numbers: Iterable[int]) -> Iterator[int]:
        return (each for each in sorted(numbers) if each <= self._last - self._keep and each != self._best)
