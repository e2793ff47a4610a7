"""Which of many nodes are worth a line: those that need a look come first."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from rpc.messages import NodeRow

# As they are worth a look; a state that is not known here stands before them all.
_STATES = ("lost", "quarantined", "leaving", "draining", "drained", "connecting", "slow", "ready", "removed")
_SLOW = 0.5  # of the median speed


def odd_first(nodes: Sequence[NodeRow], most: int) -> tuple[Sequence[NodeRow], Sequence[NodeRow]]:
    """Return the nodes to show, at most so many, and the others.

    Where all fit they are as they were; else lost ones come first, then those in quarantine, on their way out, and
    those that are far slower than the others.
    """
    if len(nodes) <= most:
        return nodes, ()
    speeds = [node.speed for node in nodes if node.speed]
    slow = _SLOW * median(speeds) if speeds else 0.0
    by_oddity = sorted(nodes, key=lambda node: _place(node, slow))
    return by_oddity[:most], by_oddity[most:]


def _place(node: NodeRow, slow: float) -> int:
    is_slow = node.state == "ready" and 0.0 < node.speed < slow
    state = "slow" if is_slow else node.state
    return _STATES.index(state) if state in _STATES else -1
