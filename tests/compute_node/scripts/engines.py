"""A real container engine, started for the tests: `dockerd` on a private socket, with its data in a private folder."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from compute_node.scripts.cage import NotStarted
from compute_node.scripts.engine import connect

_UP_S = 30.0
_DOWN_S = 30.0


@contextmanager
def docker_engine() -> Iterator[str]:
    """The URL of an engine without networks and images, which ends with the context."""
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    url = f"unix://{folder}/docker.sock"
    arguments = [
        *("dockerd", "--host", url, "--pidfile", f"{folder}/pid", "--storage-driver", "overlay2"),
        *("--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"),
        *("--bridge=none", "--iptables=false", "--ip6tables=false"),
    ]
    with (folder / "log").open("wb") as log:
        engine = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *arguments], stdout=log, stderr=log)
    try:
        _wait_until_up(engine, url, folder / "log")
        yield url
    finally:
        engine.terminate()
        engine.wait(_DOWN_S)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_up(engine: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = monotonic() + _UP_S
    while True:
        try:
            connect(url).close()
            return
        except NotStarted:
            if engine.poll() is not None or monotonic() > deadline:
                raise AssertionError(f"dockerd is not up: {log.read_text()[-2000:]}") from None
        try:
            engine.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
