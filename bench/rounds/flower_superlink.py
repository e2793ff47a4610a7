"""Flower as it is meant to be run now: a SuperLink, a SuperNode for each node, an app started by `flwr run`.

Its ports are fixed, and it listens everywhere: only in a network namespace of its own.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from zipfile import is_zipfile

import numpy as np

from bench.contest import ROOT
from bench.rounds.child import Outcome

_APP = Path(__file__).parent / "flower_app"
_CONNECTION = '[superlink]\ndefault = "bench"\n\n[superlink.bench]\naddress = "127.0.0.1:8000"\ninsecure = true\n'
_PORT = 8000
_RUN_S = 100.0


@contextmanager
def cluster(nodes: int, size: str, rounds: int) -> Iterator[Callable[[], Outcome]]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(prefix="roundhouse-bench-")))
        (home / "config.toml").write_text(_CONNECTION)
        os.environ |= {"FLWR_HOME": str(home), "PYTHONPATH": str(ROOT)}
        os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it calls programs by name
        stack.enter_context(program("flower-superlink", "--insecure"))
        _wait_until(lambda: is_served(_PORT), "the SuperLink serves")
        for number in range(nodes):
            link = ("--superlink", f"127.0.0.1:{_PORT}", "--port", str(9100 + number))
            stack.enter_context(program("flower-supernode", "--insecure", *link))

        def train() -> Outcome:
            result = home / "result.npz"
            result.unlink(missing_ok=True)
            values = f'nodes={nodes} rounds={rounds} size="{size}" result="{result}"'
            subprocess.run(["flwr", "run", str(_APP), "bench", "--run-config", values], check=True, stdout=sys.stderr)
            _wait_until(lambda: is_whole(result), "the app has ended")
            found = np.load(result)
            return Outcome(float(found["seconds"]), found["weights"], rounds)

        yield train


@contextmanager
def program(*command: str) -> Iterator[None]:
    """Run one of Flower's programs; end it at the end."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def is_served(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_whole(file: Path) -> bool:
    """Whether an archive is there and written to its end."""
    return file.exists() and is_zipfile(file)


def _wait_until(holds: Callable[[], bool], what: str) -> None:
    end = monotonic() + _RUN_S
    while not holds():
        if monotonic() > end:
            raise TimeoutError(f"not within {_RUN_S:.0f} s: {what}")
        sleep(0.05)
