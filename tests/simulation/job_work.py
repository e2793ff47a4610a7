"""What simulated nodes do when they are told to start or to stop a job."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from coordinator.core.events import Broke, Declined
from coordinator.core.model import Attempt
from coordinator.core.scripting import GRACE_S
from rpc.errors import FailureKind, RejectReason
from tests.simulation.clock import Clock
from tests.simulation.job_ends import Row
from tests.simulation.job_nodes import Copy, JobNode, JobNodes
from tests.simulation.job_schedule import JobFault, NodeFault
from tests.simulation.job_wires import JobWires

_STUCK_S = 300.0  # so long after a program was told to end, and did not, somebody starts its machine anew


class JobWork:
    """Starts and stops copies; `over` says that one is over, `accepted` that a node has taken a job.

    Attributes:
        unwanted: attempts that were told to end, by id; one that starts later ends at once.
        preempted: the same for the sake of others.
    """

    def __init__(
        self, nodes: JobNodes, wires: JobWires, clock: Clock, rng: Random, *, over: Callable[[JobNode, Copy], None],
        accepted: Callable[[Row, Attempt], None],
    ) -> None:  # fmt: skip
        self.unwanted: set[str] = set()
        self.preempted: set[str] = set()
        self._nodes, self._wires, self._clock, self._rng = nodes, wires, clock, rng
        self._over, self._accepted = over, accepted

    def begin(self, node: JobNode, attempt: Attempt, row: Row) -> None:
        """A node is told to run a job, maybe one that it has."""
        copy = node.copies.get(row.plan.id)
        is_full = len(node.living) >= node.slots
        if attempt.session < node.session or (copy is None and attempt.fence < node.last.get(row.plan.id, 0.0)):
            self._wires.reply(attempt, Broke(FailureKind.STALE, "comes late", is_over=True))
            return
        node.last[row.plan.id] = max(attempt.fence, node.last.get(row.plan.id, 0.0))
        if copy is not None:
            if attempt.fence < copy.attempt.fence:
                return
            copy.attempt = attempt
            if copy.fate is not None:
                self._over(node, copy)
        elif is_full or self._nodes.left_s(node) <= 0.0 or self._rng.random() < 0.05:
            self._wires.reply(attempt, Declined(RejectReason.BUSY))
            return
        else:
            self._nodes.start(node, attempt, row.plan)
        if attempt.id in self.unwanted:
            self.stop(attempt, GRACE_S, node)
        elif attempt.id in self.preempted:
            self.stop(attempt, GRACE_S, node, preempts=True)
        self._wires.answer(node, partial(self._accepted, row, attempt), attempt)

    def stop(self, attempt: Attempt, grace_s: float, node: JobNode, *, preempts: bool = False) -> None:
        """A node is told to end a job, which may not listen, and of which something may stay whatever it does."""
        for copy in node.copies.values():
            if copy.attempt == attempt:
                copy.is_preempted = preempts
                if not copy.is_stuck and self._rng.random() < 0.03 and not preempts:
                    copy.is_stuck = True
                    self._clock.after(_STUCK_S, partial(self._start_anew, node, copy))
                after_s = min(grace_s, self._rng.uniform(0.0, 2.0 * GRACE_S))
                self._clock.after(after_s, partial(self._end_stopped, node, copy))

    def _end_stopped(self, node: JobNode, copy: Copy) -> None:
        self._nodes.end(node, copy, "preempted" if copy.is_preempted else "stopped")

    def _start_anew(self, node: JobNode, copy: Copy) -> None:
        if copy.fate is None:
            self._wires.strike(NodeFault(self._clock.now, JobFault.KILL, node.id, 1.0))
