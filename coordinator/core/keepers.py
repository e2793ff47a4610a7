"""Which node keeps the result of which task, as the nodes said when they connected."""

from __future__ import annotations

from collections.abc import Iterable

from coordinator.core.model import Node


class Keepers:
    """A hint and no more: a node that is asked for a result that it no longer has trains it again.

    It holds for the first attempt of the task on that node.
    """

    def __init__(self) -> None:
        self._keeper_of: dict[str, str] = {}

    def said(self, node_id: str, task_ids: Iterable[str]) -> None:
        """A node has connected and runs or keeps these tasks, and no others."""
        if self._keeper_of:
            self._keeper_of = {task: keeper for task, keeper in self._keeper_of.items() if keeper != node_id}
        self._keeper_of.update(dict.fromkeys(task_ids, node_id))

    def of(self, task_id: str) -> str | None:
        """Return the id of the node that keeps the result of the task, if one does."""
        return self._keeper_of.get(task_id) if self._keeper_of else None

    def asked(self, task_id: str, node_id: str) -> None:
        """An attempt of the task on this node is over, whatever came of it."""
        if self._keeper_of and self._keeper_of.get(task_id) == node_id:
            del self._keeper_of[task_id]

    def is_handing_over(self, node: Node) -> bool:
        """Whether all that occupies the node is results that it keeps: its slots will soon be free."""
        return all(self.of(attempt.task_id) == node.id for attempt in node.running.values())
