"""Whether a task may start here now, and how late: slots, and the seeded coin that simulates a busy machine."""

from __future__ import annotations

from random import Random

from rpc.errors import RejectReason, TaskRejected

_COIN_POLICY = "load-balancing"  # the one under which a busy node declines


class Admission:
    """Counts the slots in use and throws the coin; admits nothing while `is_closed`."""

    def __init__(self, slots: int, load_probability: float, delay_s: float, rng: Random) -> None:
        self._slots = slots
        self._probability = load_probability
        self._delay_s = delay_s
        self._rng = rng
        self.busy = 0
        self.is_closed = False

    @property
    def load(self) -> float:
        """Share of the slots in use."""
        return self.busy / self._slots

    @property
    def is_full(self) -> bool:
        """Whether every slot is in use."""
        return self.busy >= self._slots

    def enter(self, policy: str) -> float:
        """Take a slot for a task that was placed by `policy`; return the seconds it has to wait before it starts.

        Raises:
            TaskRejected: the node is about to end, no slot is free, or the coin says that the machine is busy.
        """
        if self.is_closed:
            raise TaskRejected(RejectReason.DRAINING, "this node is about to end")
        if self.is_full:
            raise TaskRejected(RejectReason.NO_SLOT, f"all {self._slots} slots are in use")
        if policy == _COIN_POLICY and self._coin():
            raise TaskRejected(RejectReason.BUSY, f"busy, as one call in {1.0 / self._probability:.3g} is")
        self.busy += 1
        return self._delay_s if self._coin() else 0.0

    def leave(self) -> None:
        """The task is over; its slot is free."""
        self.busy -= 1

    def _coin(self) -> bool:
        return self._rng.random() < self._probability
