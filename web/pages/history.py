"""What was seen in the last minutes, for small curves: how busy nodes were, how the error of runs fell."""

from __future__ import annotations

import asyncio
from collections import deque

from rpc.messages import NodeRow, Overview, WorkRow
from web.door import Door

_MOST = 60
_EVERY_S = 2.0
_MOST_RUNS = 64


def used(node: NodeRow) -> dict[str, float]:
    """How much of each part of its machine a node uses, of 1; a part of which it tells nothing is not there."""
    found = {"CPU": node.cpu}
    if node.memory_total_bytes:
        found["memory"] = min(1.0, node.memory_used_bytes / node.memory_total_bytes)
    if node.disk_total_bytes:
        found["disk"] = max(0.0, 1.0 - node.disk_free_bytes / node.disk_total_bytes)
    if node.gpus:
        found["GPU"] = sum(gpu.busy for gpu in node.gpus) / len(node.gpus)
    return found


class Load:
    """How much of their machines nodes used, as far as somebody looked."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, deque[float]]] = {}
        self._at_s = -_EVERY_S

    def note(self, now: Overview, at_s: float) -> None:
        """Take what is so now, at most every two seconds of the clock that says `at_s`."""
        if at_s - self._at_s < _EVERY_S:
            return
        self._at_s = at_s
        for gone in self._kept.keys() - {node.id for node in now.nodes}:
            del self._kept[gone]
        for node in now.nodes:
            parts = self._kept.setdefault(node.id, {})
            for part, share in used(node).items():
                parts.setdefault(part, deque(maxlen=_MOST)).append(round(share, 3))

    def of(self, node: str, part: str) -> list[float]:
        """Return what a node used of a part, as `used` calls it, every two seconds up to now."""
        return list(self._kept.get(node, {}).get(part, ()))


class Errors:
    """The validation errors of runs, as they were seen; of a new one the earlier ones are asked for."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._known: dict[str, dict[int, float]] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def note(self, now: Overview) -> None:
        """Take what is so now."""
        for row in now.work:
            if row.state != "running" or row.kind == "script" or row.validation_error is None:
                continue
            if row.id not in self._known:
                self._known[row.id] = {}
                task = asyncio.create_task(self._ask(row.id))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)
            self._known[row.id][row.round] = row.validation_error
        while len(self._known) > _MOST_RUNS:
            del self._known[next(iter(self._known))]

    def of(self, row: WorkRow) -> list[float]:
        """The last ones of a run, in order."""
        known = self._known.get(row.id, {})
        return [known[number] for number in sorted(known)][-_MOST:]

    async def _ask(self, run: str) -> None:
        detail = await self._door.call("get_work", run)
        for row in detail.run.rounds[-_MOST:] if detail.run else ():
            if row.validation_error is not None:
                self._known.get(run, {}).setdefault(row.round, row.validation_error)
