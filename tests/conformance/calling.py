"""How the checks call a node: through our client, through the stock one, on a thread, and without waiting."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TFramedTransport, TTransportException

from rpc.blobs import blob_name
from rpc.client import Client
from rpc.codec import encode_call
from rpc.errors import TimedOut
from rpc.generated import ComputeNode
from rpc.messages import TrainTask
from rpc.services import COMPUTE_NODE
from tests.conformance.peer import Peer


@contextmanager
def stock(peer: Peer) -> Iterator[Any]:
    """The generated client of the stock library, connected; it says hello as the check wants."""
    socket = TSocket(*peer.endpoint)
    socket.setTimeout(1000 * peer.patience_s)
    transport = TFramedTransport(socket)
    transport.open()
    try:
        yield ComputeNode.Client(TBinaryProtocol(transport))
    except TTransportException as error:
        raise AssertionError(f"it hangs up instead of answering: {error}") from error
    finally:
        transport.close()


def put(client: Client, data: bytes) -> None:
    """Make the node hold a small file."""
    client.call("put_blob", blob_name(data), len(data), 0, data)


def ask_and_hang_up(peer: Peer, task: TrainTask) -> None:
    """Ask for a training task on a connection that has ended before the answer can come."""
    with socket.create_connection(peer.endpoint, peer.patience_s) as sock, sock.makefile("rb") as answers:
        sock.sendall(b"".join(encode_call(COMPUTE_NODE.methods["hello"], 1, (peer.introduction("slot"),))))
        answers.read(int.from_bytes(answers.read(4), "big"))
        sock.sendall(b"".join(encode_call(COMPUTE_NODE.methods["train_shard"], 2, (task,))))


class Call:
    """A training task that is under way on a connection of its own."""

    def __init__(self, peer: Peer, task: TrainTask) -> None:
        self.error: Exception | None = None
        self._patience_s = peer.patience_s
        self._thread = threading.Thread(target=self._call, args=(peer.slot(), task), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return once it is answered, or its connection has ended."""
        self._thread.join(self._patience_s)
        is_answered = not (self._thread.is_alive() or isinstance(self.error, TimedOut))
        assert is_answered, f"a call is not answered within {self._patience_s:g} s"

    def _call(self, client: Client, task: TrainTask) -> None:
        try:
            client.call("train_shard", task)
        except Exception as error:
            self.error = error


@contextmanager
def running(peer: Peer, *tasks: TrainTask) -> Iterator[list[Call]]:
    """Endless tasks under way, one after another; in the end everything that runs is cancelled."""
    calls: list[Call] = []
    try:
        for task in tasks:
            calls.append(Call(peer, task))
            wait_told_to_run(peer, task)
        yield calls
    finally:
        control = peer.control()
        for attempt in control.call("status").attempts:
            control.call("cancel_attempt", attempt, 0)
    for call in calls:
        call.wait()
    wait_idle(peer)


def wait_told_to_run(peer: Peer, task: TrainTask) -> None:
    """Return when the node says that it runs this attempt."""
    status = peer.control().call
    wait_until(peer, lambda: task.attempt in status("status").attempts, f"it does not say to run {task.attempt}")


def wait_idle(peer: Peer) -> None:
    """Return when the node says that it runs nothing."""
    status = peer.control().call
    wait_until(peer, lambda: not status("status").attempts, "it says to run what has ended, or should have")


def wait_until(peer: Peer, holds: Callable[[], bool], otherwise: str) -> None:
    """Return when it holds; fail saying what is instead."""
    never, end = threading.Event(), monotonic() + peer.patience_s
    while not holds():
        assert monotonic() < end, otherwise
        never.wait(0.02)
