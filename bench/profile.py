"""Flame graphs of a coordinator and a node in the middle of a run: `make profile`, into bench/profiles."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.contest import ROOT
from bench.programs import node_list, port_of, running
from roundhouse import connect

_FOLDER = Path(__file__).resolve().parent / "profiles"
_NODES = 2
_SECONDS = 8
_ROUNDS = 20_000  # more than fit into that time
_SAMPLES_A_SECOND = 500


def main() -> int:
    """Record one flame graph of each program; return the worst exit status of the recorders."""
    _FOLDER.mkdir(exist_ok=True)
    with ExitStack() as stack:
        nodes = [stack.enter_context(running("compute_node.py", "0")) for _ in range(_NODES)]
        listed = Path(stack.enter_context(TemporaryDirectory(prefix="roundhouse-bench-"))) / "nodes.txt"
        listed.write_text(node_list([port_of(node) for node in nodes]))
        coordinator = stack.enter_context(running("coordinator.py", "0", "--nodes", str(listed)))
        session = stack.enter_context(connect(f"127.0.0.1:{port_of(coordinator)}"))
        run = session.submit(ROOT / "letters", rounds=_ROUNDS, epochs=1, hidden=24, eta=0.0001)
        next(iter(run))  # it has begun
        recorders = [record(coordinator.pid, "coordinator"), record(nodes[0].pid, "node")]
        status = max(recorder.wait(_SECONDS + 30) for recorder in recorders)
        run.cancel()
    print(f"bench: flame graphs in {_FOLDER.relative_to(ROOT)}")
    return status


def record(pid: int, name: str) -> subprocess.Popen[bytes]:
    """Start to watch a process; the graph is written when the time is over."""
    command = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid), "--duration", str(_SECONDS)]
    options = ["--rate", str(_SAMPLES_A_SECOND), "--threads", "--output", str(_FOLDER / f"{name}.svg")]
    return subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
