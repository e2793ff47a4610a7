"""What was seen in the last minutes, for small curves: how busy nodes were, how the error of runs fell."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from rpc.messages import Overview, WorkRow
from web.door import Door

_MOST = 60
_EVERY_S = 2.0
_MOST_RUNS = 64


class Load:
    """How much of their machines nodes used, as far as somebody looked."""

    def __init__(self) -> None:
        self._cpu: dict[str, deque[float]] = {}
        self._memory: dict[str, deque[float]] = {}
        self._at = 0.0

    def note(self, now: Overview) -> None:
        """Take what is so now, at most every two seconds."""
        if time.monotonic() - self._at < _EVERY_S:
            return
        self._at = time.monotonic()
        known = {node.id for node in now.nodes}
        for kept in (self._cpu, self._memory):
            for gone in kept.keys() - known:
                del kept[gone]
        for node in now.nodes:
            self._cpu.setdefault(node.id, deque(maxlen=_MOST)).append(round(node.cpu, 3))
            used = node.memory_used_bytes / node.memory_total_bytes if node.memory_total_bytes else 0.0
            self._memory.setdefault(node.id, deque(maxlen=_MOST)).append(round(used, 3))

    def cpu(self, node: str) -> list[float]:
        return list(self._cpu.get(node, ()))

    def memory(self, node: str) -> list[float]:
        return list(self._memory.get(node, ()))


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
