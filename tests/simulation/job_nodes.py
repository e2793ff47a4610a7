"""The simulated nodes that run script jobs: each copy of a job lives until its end, its lease, or its node's death."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from coordinator.core.model import Attempt
from coordinator.core.node_facts import NodeInfo
from tests.simulation.clock import Action, Clock
from tests.simulation.flaw import Flaw
from tests.simulation.job_schedule import LEASE_S, Fate, JobPlan


@dataclass(slots=True, eq=False)
class Copy:
    """One start of a job's program, for the attempt that went on with it last.

    Attributes:
        fate: None while it lives.
        is_preempted: it is to end for the sake of others.
        is_stuck: nobody hears of its end, but that its lease is over.
    """

    name: str
    plan: JobPlan
    attempt: Attempt
    lease_end: float
    fate: Fate | str | None = None
    is_stuck: bool = False
    is_preempted: bool = False


@dataclass(slots=True, eq=False)
class JobNode:
    """A node process with its connections.

    Attributes:
        held_until: until then nothing passes either way; what was on its way waits in `waiting`.
        arrived_at, answered_at: see `compute_node.scripts.jobs`.
        last: by job that is not here the fence of the last attempt, infinite once it is over; others come late.
    """

    id: str
    slots: int
    session: int = 0
    is_open: bool = False
    is_alive: bool = True
    life: int = 0
    held_until: float = 0.0
    arrived_at: float = 0.0
    answered_at: float = 0.0
    copies: dict[str, Copy] = field(default_factory=dict)
    waiting: list[Action] = field(default_factory=list)
    last: dict[str, float] = field(default_factory=dict)

    def info(self) -> NodeInfo:
        kept = tuple(f"{job}/0/0" for job in self.copies)
        classes = {"float32/1": "skylake"}
        return NodeInfo(self.id, slots=self.slots, kept=kept, numeric_classes=classes, labels={"scripts": "bwrap"})

    @property
    def living(self) -> list[Copy]:
        return [copy for copy in self.copies.values() if copy.fate is None]


class JobNodes:
    """What nodes do with jobs; `over` is called with a copy whose end its node can tell."""

    def __init__(self, slots: tuple[tuple[str, int], ...], clock: Clock, over: Callable[[JobNode, Copy], None]) -> None:
        self.by_id = {name: JobNode(name, count) for name, count in slots}
        self.begun: Counter[str] = Counter()
        self.completed: set[str] = set()  # names of copies
        self.preempted: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()  # by job: starts that came to nothing, or may have
        self.unheard: Counter[str] = Counter()  # by job: starts that a coordinator was killed too soon to know of
        self._clock = clock
        self._over = over

    def greeted(self, node: JobNode) -> None:
        node.answered_at = self._clock.now
        node.arrived_at = node.arrived_at or self._clock.now

    def heard(self, node: JobNode) -> None:
        """A heartbeat: jobs go on."""
        node.arrived_at, node.answered_at = node.answered_at, self._clock.now
        for copy in node.living:
            self._renew(node, copy)

    def left_s(self, node: JobNode) -> float:
        return node.arrived_at + LEASE_S - self._clock.now

    def start(self, node: JobNode, attempt: Attempt, plan: JobPlan) -> None:
        """Begin a copy: there must be no other one that lives."""
        others = [each.id for each in self.by_id.values() for copy in each.living if copy.plan is plan]
        if others:
            raise Flaw(f"{attempt.id} begins on {node.id} while a copy lives on {others[0]}")
        self.begun[plan.id] += 1
        copy = node.copies[plan.id] = Copy(f"{plan.id} copy {self.begun[plan.id]}", plan, attempt, 0.0)
        self._renew(node, copy)
        self._clock.after(plan.runs_s, lambda: self.end(node, copy, plan.fate))

    def end(self, node: JobNode, copy: Copy, fate: Fate | str) -> None:
        """The program is over, if it was not before."""
        if copy.fate is not None or (copy.is_stuck and fate != "lease"):
            return
        copy.fate = fate
        if fate is Fate.COMPLETED:
            self.completed.add(copy.name)
        if fate == "preempted":
            self.preempted[copy.plan.id] += 1
        if fate in (Fate.SETUP_FAILED, "lease"):
            self.lost[copy.plan.id] += 1
        self._over(node, copy)

    def forget(self, node: JobNode, job: str) -> None:
        """Nothing of a job is wanted any more: it ends, if it can, and whoever still follows it hears of that."""
        copy = node.copies.get(job)
        if copy is not None and copy.fate is None:
            self.end(node, copy, "stopped")
        if copy is not None and copy.fate is not None:
            del node.copies[job]

    def ended(self, node: JobNode, job: str) -> None:
        """The coordinator says that a job is over."""
        if job not in node.copies:
            node.last[job] = inf
        self.forget(node, job)

    def die(self, node: JobNode) -> None:
        """The process is gone, and with it all that it ran."""
        for copy in node.living:
            copy.fate = "killed"
        node.copies.clear()
        node.life += 1
        node.is_alive = node.is_open = False
        node.held_until = node.arrived_at = 0.0
        node.waiting.clear()
        node.last.clear()

    def _renew(self, node: JobNode, copy: Copy) -> None:
        copy.lease_end = self._clock.now + max(0.0, self.left_s(node))

        def look() -> None:
            if self._clock.now >= copy.lease_end - 1e-9:
                self.end(node, copy, "lease")

        self._clock.after(copy.lease_end - self._clock.now, look, is_background=True)
