"""From launch to serving: `python -m bench.startup PROGRAM`, a node or a coordinator, as an operator starts it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from bench.contest import Contestant, hold
from bench.contestant import Figures, Run, serve
from bench.programs import port_of, running
from bench.results import Results

_COMMANDS = {"node": ("compute_node.py", "0"), "coordinator": ("coordinator.py", "0")}


@contextmanager
def contestant(program: str) -> Iterator[Run]:
    yield lambda: _launch(_COMMANDS[program])


def _launch(command: tuple[str, ...]) -> Figures:
    started = perf_counter()
    with running(*command) as process:
        socket.create_connection(("127.0.0.1", port_of(process))).close()
        return {"s": perf_counter() - started}


def run(turns: int, results: Results) -> None:
    """Launch each program in turn."""
    hold([Contestant(f"startup/{name}", ("bench.startup", name), threads=2) for name in _COMMANDS], turns, results)


if __name__ == "__main__":
    serve(contestant(sys.argv[1]))
