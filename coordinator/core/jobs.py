"""Computations on vectors that the core asks for and never does itself; each comes back as an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from mlcore.aggregation import MEAN, Aggregation
from mlcore.reduction import Slot
from rpc.errors import FailureKind


@dataclass(frozen=True, slots=True)
class LoadValidation:
    """Read the validation file; answers ValidationInfo."""

    run: str


@dataclass(frozen=True, slots=True)
class Init:
    """Make the model that round 1 starts from, as version 0; answers Done."""

    run: str
    layers: tuple[int, ...]
    init: str
    seed: int
    dtype: str


@dataclass(frozen=True, slots=True)
class Load:
    """Make version `round` from the blob of a model and that of the server optimizer's state; answers Done."""

    run: str
    round: int
    model: str
    optimizer: str


@dataclass(frozen=True, slots=True)
class Add:
    """Add the vector held as `right` to the one held as `left`, which then belongs into `slot`; answers Done."""

    run: str
    round: int
    left: str
    right: str
    slot: Slot


@dataclass(frozen=True, slots=True)
class Apply:
    """Make version `round` of the model from the one before and the aggregate of these holders; answers Done.

    The holders are the whole sum alone, or all deltas in the order of the shards.
    """

    run: str
    round: int
    holders: tuple[str, ...]
    divisor: int
    aggregation: Aggregation = MEAN


@dataclass(frozen=True, slots=True)
class Validate:
    """Evaluate version `round` on the validation file; answers Score."""

    run: str
    round: int


@dataclass(frozen=True, slots=True)
class KeepPlan:
    """Remember the survey; no answer."""

    run: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Remember round `round`, which is validated, and its version of the model; answers Done once committed."""

    run: str
    round: int


@dataclass(frozen=True, slots=True)
class Seal:
    """Make version `round` a lasting blob; answers Sealed."""

    run: str
    round: int


@dataclass(frozen=True, slots=True)
class GoBack:
    """Remember no round after `round` any more, nor its model: they are trained again; no answer."""

    run: str
    round: int


@dataclass(frozen=True, slots=True)
class Discard:
    """Forget version `round`; no answer."""

    run: str
    round: int


@dataclass(frozen=True, slots=True)
class EndMembers:
    """Cancel all members of the array `run` that have not ended, a few at a time; no answer."""

    run: str
    reason: str


Job: TypeAlias = (
    LoadValidation | Init | Load | Add | Apply | Validate | KeepPlan | Keep | GoBack | Seal | Discard | EndMembers
)


@dataclass(frozen=True, slots=True)
class Done:
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ValidationInfo:
    file: str
    rows: int
    columns: int
    max_label: int


@dataclass(frozen=True, slots=True)
class Score:
    error: float
    loss: float
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Sealed:
    blob: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Unable:
    """The computation failed: bad data, or a model that left the finite range."""

    kind: FailureKind
    message: str


JobValue: TypeAlias = Done | ValidationInfo | Score | Sealed | Unable
