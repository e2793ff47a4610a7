"""What befalls whole nodes: killed, restarted, cut off or paused, and back again."""

from __future__ import annotations

from random import Random

from tests.simulation.clock import Clock
from tests.simulation.cluster import Cluster, Notice
from tests.simulation.coverage import FaultKind
from tests.simulation.nodes import SimNode
from tests.simulation.schedule import SPARE_NODES


class NodeFaults:
    """Strikes nodes, and sees to it that most of them come back."""

    def __init__(self, cluster: Cluster, clock: Clock, rng: Random) -> None:
        self._cluster, self._clock, self._rng = cluster, clock, rng

    def strike(self, kind: FaultKind, node: SimNode) -> None:
        rng = self._rng
        match kind:
            case FaultKind.KILL:
                self.kill(node)
                if rng.random() < 0.85 or not self._may_stay_away(node):
                    self._revive_after(node, rng.uniform(0.5, 30.0))
                else:
                    node.is_gone = True
            case FaultKind.RESTART:
                node.die()
                notice = rng.choice(list(Notice))
                self._cluster.connection_over(node, notice, down_after_s=rng.uniform(0.0, 4.0))
                self._revive_after(node, rng.uniform(0.02, 2.0))
            case FaultKind.PARTITION | FaultKind.PAUSE:
                longest_s = rng.choice([3.0, 25.0])
                self._stall(node, rng.uniform(0.1, longest_s), kind)
            case _:
                raise ValueError(f"{kind} does not strike nodes")

    def kill(self, node: SimNode) -> None:
        node.die()
        self._cluster.connection_over(node, self._rng.choice(list(Notice)))

    def _may_stay_away(self, node: SimNode) -> bool:
        """Whether others like it are left for good: as many as any run wants to begin."""
        others = [other for other in self._cluster.nodes.values() if other is not node and not other.is_gone]
        needed = 2 if len(self._cluster.nodes) >= SPARE_NODES else 1
        return sum(other.plan.is_like(node.plan) for other in others) >= needed

    def _revive_after(self, node: SimNode, delay_s: float) -> None:
        def revive() -> None:
            if not node.is_gone:
                node.is_alive = True
                self._cluster.connect(node)

        self._clock.after(delay_s, revive)

    def _stall(self, node: SimNode, span_s: float, kind: FaultKind) -> None:
        life = node.life
        node.is_stalled = True

        def heal() -> None:
            if node.life != life:
                return
            node.go_on(lambda action: self._clock.after(self._rng.uniform(0.0, 0.01), action))
            if kind is FaultKind.PARTITION and self._rng.random() < 0.3:
                self._cluster.connection_over(node, self._rng.choice(list(Notice)))
            if not node.is_open:
                self._cluster.connect_soon(node)

        self._clock.after(span_s, heal)
