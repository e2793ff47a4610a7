"""Roundhouse to the target: two nodes, a coordinator and a client, all launched within the time that counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from bench.contest import ROOT
from bench.contestant import Figures, Run, serve
from bench.letters.target import BATCH, ERROR, ETA, LAYERS, MOMENTUM, MOST_ROUNDS, SEED, write_two_shards
from bench.programs import node_list, port_of, running

_NODES = 2


@contextmanager
def contestant() -> Iterator[Run]:
    with TemporaryDirectory(prefix="roundhouse-bench-") as folder:
        data = write_two_shards(Path(folder) / "letters")
        yield lambda: _launch(data)


def _launch(data: Path) -> Figures:
    started = perf_counter()
    with ExitStack() as stack:
        nodes = [stack.enter_context(running("compute_node.py", "0")) for _ in range(_NODES)]
        listed = data.parent / "nodes.txt"
        listed.write_text(node_list([port_of(node) for node in nodes]))
        coordinator = stack.enter_context(running("coordinator.py", "0", "--nodes", str(listed)))
        result = _train(port_of(coordinator), data)
        seconds = perf_counter() - started
    error = result["final_validation_error"]
    if error > ERROR:
        raise ValueError(f"the target was missed: validation error {error}")
    return {
        "from-launch-s": seconds,
        "training-s": result["timing"]["run_s"],
        "rounds": len(result["rounds"]),
        "accuracy": 1.0 - error,
    }


def _train(port: int, data: Path) -> dict[str, Any]:
    command = [sys.executable, "client.py", "127.0.0.1", str(port), str(data)]
    command += [str(MOST_ROUNDS), "1", str(LAYERS[1]), str(ETA), "--json", "--quiet"]
    command += ["--optimizer", "sgd", "--momentum", str(MOMENTUM), "--batch-size", str(BATCH), "--seed", str(SEED)]
    command += ["--standardize", "--target-error", str(ERROR)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    serve(contestant())
