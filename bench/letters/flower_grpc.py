"""Flower's gRPC path to the target: a server and two clients with PyTorch, launched within the time that counts."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter

from bench.contestant import Figures, Run, serve
from bench.letters.target import ERROR
from bench.programs import line_of, running

_NODES = 2


@contextmanager
def contestant() -> Iterator[Run]:
    yield _launch


def _launch() -> Figures:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    started = perf_counter()
    with ExitStack() as stack:
        for shard in range(_NODES):
            stack.enter_context(running("-m", "bench.letters.flower_client", address, str(shard)))
        server = stack.enter_context(running("-m", "bench.letters.flower_server", address, str(_NODES)))
        found: Figures = json.loads(line_of(server))
        seconds = perf_counter() - started
    if found["accuracy"] < 1.0 - ERROR:
        raise ValueError(f"the target was missed: accuracy {found['accuracy']}")
    return {"from-launch-s": seconds, **found}


if __name__ == "__main__":
    serve(contestant())
