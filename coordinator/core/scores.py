"""What a policy saw when it chose a node: the best of those that would do, and how many had a free slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coordinator.core.policies import Candidate

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Scores:
    """The nodes at the moment of a choice.

    Attributes:
        nodes: all that are known.
        free_slots: of all of them.
        best: those that suit and have a free slot, in the order in which the policy prefers them; at most SHOWN.
    """

    policy: str
    nodes: int
    free_slots: int
    best: tuple[Candidate, ...]

    def as_json(self) -> Mapping[str, Any]:
        """Return the same of plain types."""
        best = [[node.id, node.running, node.slots, round(node.service_s, 6)] for node in self.best]
        return {"policy": self.policy, "nodes": self.nodes, "free": self.free_slots, "best": best}

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Scores:
        """The other way round."""
        best = tuple(Candidate(*node) for node in found["best"])
        return cls(found["policy"], found["nodes"], found["free"], best)
