"""A simulated compute node: what it works on, what it keeps, and what holds it up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from coordinator.core.node_facts import NodeInfo
from tests.simulation.clock import Action
from tests.simulation.schedule import NodePlan

CLASS_KEY = "float32/1"


@dataclass(slots=True, eq=False)
class SimNode:
    """A node with its process (`life` tells one start of it from the next) and its connections.

    Attributes:
        is_open: the coordinator's sockets of `session` are open.
        is_gone: it never comes back.
        working: fences of the attempts it works on.
        kept: fences of large results that wait to be fetched.
        results: by task what stays until its round is committed: the attempt that was answered with it last.
        over: work of which nothing is kept any more.
        refused: fences whose results are not wanted.
        goes_on_as: by fence of an attempt: that of the one that has joined it.
    """

    plan: NodePlan
    session: int = 0
    is_open: bool = False
    is_alive: bool = True
    is_gone: bool = False
    is_stalled: bool = False
    life: int = 0
    working: set[int] = field(default_factory=set)
    kept: set[int] = field(default_factory=set)
    results: dict[str, int] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    goes_on_as: dict[int, int] = field(default_factory=dict)
    _held_up: list[Action] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.plan.id

    @property
    def is_reachable(self) -> bool:
        return self.is_alive and self.is_open and not self.is_stalled

    def info(self, running: Iterable[str]) -> NodeInfo:
        """What hello tells, with the tasks that run."""
        classes = {CLASS_KEY: self.plan.numeric_class}
        kept = tuple(dict.fromkeys([*running, *self.results]))
        return NodeInfo(
            self.id, slots=self.plan.slots, numeric_classes=classes, kept=kept, labels={"rack": self.plan.rack}
        )

    def guarded(self, action: Action) -> Action:
        """The action as this life of the node does it: later if it is held up, never if it died since."""
        life = self.life

        def act() -> None:
            if life != self.life:
                return
            if self.is_stalled:
                self._held_up.append(act)
            else:
                action()

        return act

    def die(self) -> None:
        self.is_alive, self.is_stalled = False, False
        self.life += 1
        self.working.clear()
        self.kept.clear()
        self.results.clear()
        self.over.clear()
        self.refused.clear()
        self.goes_on_as.clear()
        self._held_up.clear()

    def go_on(self, do: Callable[[Action], None]) -> None:
        """What was held up happens now, in the order it was due."""
        self.is_stalled = False
        held_up, self._held_up = self._held_up, []
        for action in held_up:
            do(action)
