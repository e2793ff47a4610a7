"""Which rounds of a run can be gone on from: the last few, and the one with the lowest validation error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mlcore.kernels.backend import FloatArray
from rpc.messages import PART_BYTES

_DATA_UNUSED_S, _MODEL_UNUSED_S = 86_400.0, 60.0

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


def unused_s(role: str) -> float:
    """For how long nobody may have asked about the file that was this to a run, before it goes with the run.

    Somebody may have found data here and is about to submit a run on it; a model may just have been made once more.
    """
    return _DATA_UNUSED_S if role == "validation" or role.startswith("shard ") else _MODEL_UNUSED_S


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
        errors: of the rounds that are stored, their validation errors.
    """

    def __init__(self, keep: int, errors: Mapping[int, float | None]) -> None:
        self._keep = keep
        self._errors = {number: _known(error) for number, error in errors.items()}  # of what waits, too
        self._waiting: dict[int, Version] = {}

    def __contains__(self, number: int) -> bool:
        """Whether a round is stored, or will be."""
        return number in self._errors

    def note(self, number: int, error: float | None, version: Version) -> None:
        """A round is done."""
        # A disk may be slower than the rounds of a large model: then neither it nor the memory takes them all.
        is_large = version.model.nbytes > PART_BYTES
        self._errors[number] = _known(error)
        for each in [*self._waiting] if is_large else self._surplus():
            if self._waiting.pop(each, None) is not None:
                del self._errors[each]
        self._waiting[number] = version

    def settle(self) -> Change:
        """What to store and to drop now, so that exactly the rounds to keep are stored."""
        new, self._waiting = self._waiting, {}
        dropped = tuple(self._surplus())
        for each in dropped:
            del self._errors[each]
        return Change(new, dropped)

    def go_back(self, number: int) -> Change:
        """The rounds after this one are to be done again: nothing stays stored of them."""
        dropped = tuple(each for each in sorted(self._errors) if each > number)
        for each in dropped:
            del self._errors[each]
            self._waiting.pop(each, None)
        return Change({}, dropped)

    def _surplus(self) -> list[int]:
        """All but the last rounds, and the first of the best."""
        numbers = sorted(self._errors)
        best = min(numbers, key=lambda number: (self._errors[number], number), default=0)
        return [number for number in numbers[: -self._keep] if number != best]


def _known(error: float | None) -> float:
    return math.inf if error is None else error
