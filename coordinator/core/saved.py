"""What is remembered of a training run: enough to go on from its last committed round after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from coordinator.core.verifying import Recorded
from rpc.messages import RoundRow, ShardSummary


class StoredRound(NamedTuple):
    """The blobs of the model of a round, and of what the server optimizer keeps after it, if it keeps anything."""

    round: int
    model: str = ""
    optimizer: str = ""


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run as it was last committed, or what a branch starts from.

    Attributes:
        summaries: of all shards, in their order; none where the survey was not committed.
        rounds: the committed rounds in order, with their validation.
        model: blob of the model of the last of them.
        optimizer: blob of what the server optimizer keeps from round to round; empty where it keeps nothing.
        older: what is stored of rounds before the last one, ascending: where to go on if that cannot be read.
        recorded: of the run that this one verifies, if it does that.
        obstacle: why the run cannot go on; empty where it can.
        run_s: seconds since the run started, by the clock on the wall.
    """

    summaries: tuple[ShardSummary, ...] = ()
    rounds: tuple[RoundRow, ...] = ()
    model: str = ""
    optimizer: str = ""
    run_s: float = 0.0
    recorded: Recorded | None = None
    older: tuple[StoredRound, ...] = ()
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """What the dispatcher counted of a piece of work before a restart.

    Attributes:
        tasks_by_node: how many of its tasks each node did.
        classes: numeric classes that they ran in.
        started_at: when its turn came, if it did.
    """

    tasks_by_node: Mapping[str, int] = field(default_factory=dict)
    rejections: int = 0
    retries: int = 0
    classes: tuple[str, ...] = ()
    started_at: float | None = None


NO_PAST = Past()
