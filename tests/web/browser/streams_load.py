"""What streams of a run cost the run: rounds with and without many listeners, in turns."""

from __future__ import annotations

import selectors
import socket
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread

import httpx2 as httpx
import psutil

from client.runs import Run
from tests.system.cluster import end_spares
from tests.web.browser.scene import start
from tests.web.browser.site import Site, site

_TURNS = 6  # with streams, and as many without
_SECONDS = 4.0
_SETTLE_S = 1.0


def main(arguments: list[str]) -> int:
    """Print what so many streams (200) cost."""
    n_streams = int((*arguments, "200")[0])
    try:
        with TemporaryDirectory() as work, site(Path(work)) as served, served.session() as session:
            run = start(session, "measured", 20_000, 8)
            turns = [measure(served, run, n) for _ in range(_TURNS) for n in (0, n_streams)]
            run.cancel()
    finally:
        end_spares()
    alone, beside = turns[::2], turns[1::2]
    ratios = [b.round_ms / a.round_ms for a, b in zip(alone, beside, strict=True)]
    for name, found in (("no stream", alone), (f"{n_streams} streams", beside)):
        use = {each: f"{100 * median(turn.cpu[each] for turn in found):.0f} %" for each in found[0].cpu}
        got = sum(turn.bytes for turn in found) / len(found) / _SECONDS
        rounds = [round(turn.round_ms, 2) for turn in found]
        print(f"{name}: rounds of {rounds} ms; of a core: {use}; {got / 1e6:.2f} MB/s")
    print(f"rounds take {median(ratios):.3f} times as long ({min(ratios):.3f} to {max(ratios):.3f})")
    return 0


@dataclass
class Turn:
    """Attributes: cpu, of each program, as parts of a core; bytes, what all listeners got."""

    round_ms: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)
    bytes: int = 0


def measure(served: Site, run: Run, n_streams: int) -> Turn:
    """Look at a run for some seconds while so many listen to what comes."""
    newest = httpx.get(f"{served.url}/api/v1/events", params={"limit": 1}).json()["last"]
    path = f"/api/v1/runs/{run.id}/stream?after={newest}"
    programs = {"coordinator": served.cluster.coordinator, "web": served.web}
    processes = {name: psutil.Process(each.process.pid) for name, each in programs.items()}
    turn = Turn()
    with ExitStack() as stack:
        sockets = [stack.enter_context(opened(served.web.port, path)) for _ in range(n_streams)]
        is_over = Event()
        listener = Thread(target=listen, args=(sockets, is_over, turn))
        listener.start()
        time.sleep(_SETTLE_S)
        turn.bytes = 0
        used, first, began = {n: cpu_s(p) for n, p in processes.items()}, run.detail().row.round, time.monotonic()
        time.sleep(_SECONDS)
        spent = time.monotonic() - began
        turn.round_ms = 1000 * spent / (run.detail().row.round - first)
        turn.cpu = {name: (cpu_s(process) - used[name]) / spent for name, process in processes.items()}
        is_over.set()
        listener.join()
    return turn


def opened(port: int, path: str) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port))
    made.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    return made


def listen(sockets: list[socket.socket], is_over: Event, turn: Turn) -> None:
    """Read what comes, and count its bytes."""
    with selectors.DefaultSelector() as ready:
        for each in sockets:
            ready.register(each, selectors.EVENT_READ)
        while not is_over.is_set():
            for key, _ in ready.select(0.1) if sockets else ():
                assert isinstance(key.fileobj, socket.socket)
                turn.bytes += len(key.fileobj.recv(1 << 20))
            is_over.wait(0.02)


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
