"""How the checks call a node: through our client, through the stock one, and on a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TFramedTransport

from rpc.blobs import blob_name
from rpc.client import Client
from rpc.generated import ComputeNode
from rpc.messages import TrainTask
from tests.conformance.peer import PATIENCE_S, Peer


@contextmanager
def stock(peer: Peer) -> Iterator[Any]:
    """The generated client of the stock library, connected; it says hello as the check wants."""
    socket = TSocket(*peer.endpoint)
    socket.setTimeout(1000 * PATIENCE_S)
    transport = TFramedTransport(socket)
    transport.open()
    try:
        yield ComputeNode.Client(TBinaryProtocol(transport))
    finally:
        transport.close()


def put(client: Client, data: bytes) -> None:
    """Make the node hold a small file."""
    client.call("put_blob", blob_name(data), len(data), 0, data)


class Call:
    """A training task that is under way on a connection of its own."""

    def __init__(self, client: Client, task: TrainTask) -> None:
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._call, args=(client, task), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), f"a call is not answered within {PATIENCE_S:g} s"

    def _call(self, client: Client, task: TrainTask) -> None:
        try:
            client.call("train_shard", task)
        except Exception as error:
            self.error = error


def wait_running(control: Client, wanted: int) -> None:
    """Return when the node says that it runs so many tasks."""
    never, end = threading.Event(), monotonic() + PATIENCE_S
    while (running := len(control.call("status").attempts)) != wanted:
        assert monotonic() < end, f"it says to run {running} tasks, not {wanted}"
        never.wait(0.02)
