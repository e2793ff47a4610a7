"""Harmed frames sent to a server that runs, as fast as it takes them, from several processes."""

from __future__ import annotations

import multiprocessing
import socket
import time
from dataclasses import dataclass
from random import Random

from rpc.codec import encode_call
from rpc.messages import PROTOCOL_VERSION, Hello
from rpc.services import COMPUTE_NODE, COORDINATOR, Service
from tests.fuzz.frames import calls, framed, harmed

# A coordinator would dial whatever a harmed address names; nothing but this machine is to be reached.
_NOT_SENT = frozenset({"add_node"})
_INCIDENT = b"the log there has it as incident"
_AT_ONCE = 12  # frames of one connection at most
_PATIENCE_S = 10.0
_ROLES = {COORDINATOR.name: "client", COMPUTE_NODE.name: "coordinator"}


@dataclass(slots=True)
class Told:
    """What came of an attack.

    Attributes:
        frames: sent.
        held: connections that were not closed in time, though nothing more came on them.
        incidents: batches that were answered with an internal error, to be sent again by whoever mends that.
    """

    frames: int = 0
    connections: int = 0
    held: int = 0
    incidents: tuple[bytes, ...] = ()

    def add(self, other: Told) -> None:
        self.frames += other.frames
        self.connections += other.connections
        self.held += other.held
        self.incidents += other.incidents


def attack(service: Service, port: int, frames: int, seed: str, *, processes: int = 2, until: float = 0.0) -> Told:
    """Send so many frames, or as many as can be until a time (of `time.monotonic`); returns what came of it."""
    share = -(-frames // processes)
    jobs = [(service.name, port, share, f"{seed}/{number}", until) for number in range(processes)]
    told = Told()
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for each in pool.starmap(_attack, jobs):
            told.add(each)
    return told


def _attack(name: str, port: int, frames: int, seed: str, until: float) -> Told:
    service = COORDINATOR if name == COORDINATOR.name else COMPUTE_NODE
    rng, told = Random(seed), Told()
    good = list(calls(service, without=_NOT_SENT).values())
    while told.frames < frames and not (until and time.monotonic() > until):
        count = rng.randrange(1, _AT_ONCE + 1)
        batch = b"".join(framed(harmed(rng.choice(good), good, rng), rng) for _ in range(count))
        if rng.random() < 0.7:
            batch = _hello(service, rng) + batch
        told.frames += count
        told.connections += 1
        answer = _say(port, batch)
        if answer is None:
            told.held += 1
        elif _INCIDENT in answer and len(told.incidents) < 5:
            told.incidents += (batch,)
    return told


def _hello(service: Service, rng: Random) -> bytes:
    hello = Hello(PROTOCOL_VERSION, _ROLES[service.name], coordinator="fuzz", epoch=1, connection=rng.choice(_KINDS))
    return b"".join(map(bytes, encode_call(service.methods["hello"], 1, (hello,))))


_KINDS = ("control", "slot", "client")


def _say(port: int, batch: bytes) -> bytes | None:
    """Say all of it, and return what was answered until the other side hung up; None: it did not."""
    said = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S) as sock:
        try:
            sock.sendall(batch)
            sock.shutdown(socket.SHUT_WR)
            while piece := sock.recv(1 << 16):
                said += piece
        except TimeoutError:
            return None
        except OSError:
            pass  # it hung up on what it had not read
    return bytes(said)
