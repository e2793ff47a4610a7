"""PyTorch's DistributedDataParallel to the target: two processes over gloo, launched within the time that counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from bench.contestant import Figures, Run, serve
from bench.letters.target import ERROR
from bench.programs import line_of, running

_NODES = 2


@contextmanager
def contestant() -> Iterator[Run]:
    yield _launch


def _launch() -> Figures:
    started = perf_counter()
    with ExitStack() as stack:
        meeting = Path(stack.enter_context(TemporaryDirectory(prefix="roundhouse-bench-"))) / "meeting"
        ranks = [
            stack.enter_context(running("-m", "bench.letters.torch_ddp_rank", str(meeting), str(rank), str(_NODES)))
            for rank in range(_NODES)
        ]
        found: Figures = json.loads(line_of(ranks[0]))
        seconds = perf_counter() - started
    if found["accuracy"] < 1.0 - ERROR:
        raise ValueError(f"the target was missed: accuracy {found['accuracy']}")
    return {"from-launch-s": seconds, **found}


if __name__ == "__main__":
    serve(contestant())
