"""An honest run beside hostile peers: it ends well, and the coordinator's memory and threads stay bounded."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.system.cluster import Cluster
from tests.system.test_same_bits import RUN, good

SILENT_PEERS = 700
MB = 1 << 20


def call(name: bytes, body: bytes) -> bytes:
    """A frame with a call of the strict binary protocol."""
    message = struct.pack("!II", 0x80010001, len(name)) + name + struct.pack("!I", 1) + body
    return struct.pack("!I", len(message)) + message


def nested_structs(depth: int, name: bytes = b"train") -> bytes:
    return call(name, struct.pack("!BH", 12, 99) * depth + b"\0" * (depth + 1))


BOMBS = (
    struct.pack("!I", 0x3FFFFFFF),  # a frame of 1 GB
    struct.pack("!I", 0xFFFFFFFF),
    call(b"train", struct.pack("!BHI", 11, 1, 0x7FFFFFFF)),  # a string of 2 GB
    call(b"train", struct.pack("!BHBI", 15, 99, 12, 0x7FFFFFFF)),  # 2 G empty structs under an unknown field
    call(b"submit_run", struct.pack("!BH", 12, 1) + struct.pack("!BHBI", 15, 2, 12, 60_000) + b"\0" * 60_000),
    nested_structs(60),
    nested_structs(5000),
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    bytes(range(256)) * 256,
)


def test_an_honest_run_ends_well_beside_floods_and_bombs(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=2) as cluster:
        expected = good(cluster.train(*RUN)).sha256
        before = memory_bytes(cluster)
        with silent_peers(cluster.coordinator.port), bombers(cluster.coordinator.port) as thrown:
            started = time.monotonic()
            assert good(cluster.train(*RUN)).sha256 == expected
            assert time.monotonic() - started < 30.0
        assert thrown[0] >= len(BOMBS)
        assert memory_bytes(cluster) - before < 64 * MB
        assert threads(cluster) < 32


def test_nodes_survive_the_same(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=1) as cluster:
        expected = good(cluster.train(*RUN)).sha256
        with silent_peers(cluster.nodes[0].port), bombers(cluster.nodes[0].port):
            assert good(cluster.train(*RUN)).sha256 == expected


@contextmanager
def silent_peers(port: int) -> Iterator[None]:
    """Connections that never say a word."""
    with ExitStack() as stack:
        for _ in range(SILENT_PEERS):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 5))
        yield


@contextmanager
def bombers(port: int) -> Iterator[list[int]]:
    """One thread that throws every bomb in turn, until the end of the block; yields the count."""
    thrown, over = [0], threading.Event()

    def throw() -> None:
        while not over.is_set() and thrown[0] < 20_000:
            with socket.create_connection(("127.0.0.1", port), 5) as peer:
                peer.settimeout(0.2)
                try:
                    peer.sendall(BOMBS[thrown[0] % len(BOMBS)])
                    peer.recv(4096)
                except OSError:
                    pass  # turned away, as it should be
            thrown[0] += 1
            over.wait(0.01)

    thread = threading.Thread(target=throw)
    thread.start()
    try:
        yield thrown
        while thrown[0] < len(BOMBS):
            over.wait(0.05)
    finally:
        over.set()
        thread.join(10)


def memory_bytes(cluster: Cluster) -> int:
    return int(_status(cluster, "VmRSS").split()[0]) * 1024


def threads(cluster: Cluster) -> int:
    return int(_status(cluster, "Threads"))


def _status(cluster: Cluster, field: str) -> str:
    lines = Path(f"/proc/{cluster.coordinator.process.pid}/status").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(field))
