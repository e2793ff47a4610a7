"""The file that lists nodes, read again whenever it was edited."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from coordinator.config import read_nodes
from coordinator.lines import Address
from coordinator.scripts import RunAside
from rpc.errors import BadData
from rpc.loop import Loop

logger = logging.getLogger(__name__)

_EVERY_S = 1.0
Nodes: TypeAlias = tuple[Address, ...]
_Look: TypeAlias = tuple[str, Nodes | None]  # what the file looks like, and its nodes where that is new


class NodeList:
    """Looks at the file every second. A file that cannot be used is reported once, and what it said before holds."""

    def __init__(
        self, loop: Loop, aside: RunAside, path: Path, on_nodes: Callable[[Nodes], None], *, every_s: float = _EVERY_S
    ) -> None:
        self._problem = ""
        self._loop = loop
        self._aside = aside
        self._path = path
        self._on_nodes = on_nodes
        self._every_s = every_s
        self._seen = ""

    def watch(self) -> None:
        """Go on looking until the loop ends."""
        self._loop.call_later(self._every_s, lambda: self._aside(self._look, self._looked))

    def _look(self) -> _Look:
        """On a thread: the file may be on a disk of another machine."""
        found = _fingerprint(self._path)
        return found, (None if found in (self._seen, "") else read_nodes(self._path))

    def _looked(self, outcome: _Look | Exception) -> None:
        self.watch()
        if isinstance(outcome, BadData):
            if str(outcome) != self._problem:
                self._problem = str(outcome)
                logger.warning("%s; the nodes listed before stay", outcome)
        elif isinstance(outcome, Exception):
            logger.error("the list of nodes cannot be watched", exc_info=outcome)
        else:
            found, nodes = outcome
            if nodes is not None:
                self._seen, self._problem = found, ""
                self._on_nodes(nodes)


def _fingerprint(path: Path) -> str:
    """What changes with every edit; nothing while there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return ""
    return f"{stat.st_mtime_ns} {stat.st_size} {stat.st_ino}"
