"""What is remembered of a training run: enough to go on from its last committed round after a restart."""

from __future__ import annotations

from dataclasses import dataclass

from rpc.messages import RoundRow, ShardSummary


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run as it was last committed.

    Attributes:
        summaries: of all shards, in their order; none where the survey was not committed.
        rounds: the committed rounds in order, with their validation.
        model: blob of the model of the last of them.
        optimizer: blob of what the server optimizer keeps from round to round; empty where it keeps nothing.
        run_s: seconds since the run started, by the clock on the wall.
    """

    summaries: tuple[ShardSummary, ...] = ()
    rounds: tuple[RoundRow, ...] = ()
    model: str = ""
    optimizer: str = ""
    run_s: float = 0.0
