"""The settings of the dispatcher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from coordinator.core.pool import PoolSettings
from coordinator.core.retry import Backoff


@dataclass(frozen=True, slots=True)
class Settings:
    """How the dispatcher waits and retries, and how much work that is over it remembers.

    Attributes:
        shares: weights of owners in the queue; others have 1.
        max_running_per_owner: works of one owner that run at once; 0: any number.
        preempts: work of a higher priority may end script jobs of a lower one, which wait for another turn then.
        last_fence: of any attempt before this start.
    """

    pool: PoolSettings = PoolSettings()
    failure_backoff: Backoff = Backoff(0.2, 5.0)
    # Declining is cheap to try again, and nodes that mostly decline would else stretch a run many times over.
    decline_backoff: Backoff = Backoff(0.1, 1.0)
    firm_backoff: Backoff = Backoff(1.0, 60.0)  # where all say what stands for a while; a node that comes is asked
    kept_work: int = 200
    shares: Mapping[str, float] = field(default_factory=dict)
    max_running_per_owner: int = 0
    preempts: bool = False
    last_fence: int = 0


DEFAULTS = Settings()
