"""The attempts of a run, shard by round: who did what, and what was turned down, failed, or was late."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from nicegui.element import Element

from rpc.messages import AttemptRow

_UNDER_WAY = ("placed", "fetching")
_WAITS = ("ready", "delayed", "held")
_MOST_SHARDS = 100  # that are shown; a screen holds no more


class AttemptsGrid(Element, component="attempts_grid.js"):
    """One small field for each task."""

    def __init__(self, on_pick: Callable[[int, int], Any]) -> None:
        """`on_pick` is told round and shard of the task that somebody wants to know more of."""
        super().__init__()
        self.show(())
        self.on("pick", lambda event: on_pick(int(event.args["round"]), int(event.args["shard"])))

    def show(self, rows: Sequence[AttemptRow]) -> None:
        """Show these attempts, which are in the order in which they were made."""
        tasks: dict[tuple[int, int], list[AttemptRow]] = defaultdict(list)
        for row in rows:
            if 0 <= row.shard < _MOST_SHARDS:
                tasks[row.round, row.shard].append(row)
        nodes = sorted({row.node for row in rows if row.node})
        wanted: dict[str, Any] = {
            "rounds": sorted({round for round, _ in tasks}),
            "shards": sorted({shard for _, shard in tasks}),
            "nodes": nodes,
            "cells": {f"{round}/{shard}": cell_of(tries, nodes) for (round, shard), tries in tasks.items()},
        }
        if any(self._props.get(name) != value for name, value in wanted.items()):
            for name, value in wanted.items():
                self._props[name] = value
            self.update()


def cell_of(tries: Sequence[AttemptRow], nodes: Sequence[str]) -> list[Any]:
    """What is told of a task: the place of its node, how it stands, a sign, and what went wrong before in words."""
    last = tries[-1]
    troubles = [row for row in tries if row.state in ("failed", "rejected")]
    words = [f"{row.state} by {row.node}: {row.cause or row.message}" for row in troubles]
    if last.is_last:
        words.append("the one that its round waited for")
    place = nodes.index(last.node) if last.node else len(nodes)
    return [place, _state(last), _sign(last, troubles), "; ".join(words)]


def _state(row: AttemptRow) -> str:
    if row.state in _UNDER_WAY:
        return "running"
    return "waiting" if row.state in _WAITS else row.state.replace(" ", "-")


def _sign(last: AttemptRow, troubles: Sequence[AttemptRow]) -> str:
    if _state(last) == "running":
        return "…"
    if _state(last) == "waiting":
        return "⋯"
    if last.state == "failed":
        return "✕"
    if any(row.state == "failed" for row in troubles):
        return "↻"
    if troubles:
        return "-"
    return "▸" if last.is_last else ""
