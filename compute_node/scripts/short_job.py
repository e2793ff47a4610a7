"""A program of the node's own in a sandbox, run to its end: the trial of a sandbox, a step of an installation."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Any

from compute_node.scripts.guard import Guard
from compute_node.scripts.orders import News, Start
from compute_node.scripts.readable import readable
from compute_node.scripts.stopping import StopSign


def run_to_end(
    start: Start,
    timeout_s: float,
    kept_bytes: int,
    stop: StopSign | None = None,
    *,
    hear: Callable[[bytes], None] = lambda data: None,
) -> tuple[str, list[News]]:
    """The last words of a job, and all that its watchdog said; without an end it was stopped for the time it took.

    When the sign is given the job is killed, and this returns once nothing of it lives.

    Args:
        hear: is told all that it writes, as it comes.

    Raises:
        OSError: no process or pipe is to be had.
    """
    reader, writer = os.pipe()
    try:
        guard = Guard(start, stdout=writer, stderr=writer)
    finally:
        os.close(writer)
    said: list[News] = []
    words = b""
    deadline = monotonic() + timeout_s
    with open(reader, "rb", buffering=0) as output, (stop or StopSign()).seen() as stopped:
        sources: list[Any] = [guard, output, stopped]
        while sources != [stopped] and (ready := readable(sources, deadline - monotonic())):
            if stopped in ready:
                stopped.recv(1)
                guard.stop(0.0)
            if output in ready:
                data = output.read(kept_bytes) or b""
                words = (words + data)[-kept_bytes:]
                hear(data)
                if not data:
                    sources.remove(output)
            if guard in ready:
                news = guard.read()
                said += news or []
                if news is None:
                    sources.remove(guard)
        guard.close()
    return words.decode(errors="replace").strip(), said
