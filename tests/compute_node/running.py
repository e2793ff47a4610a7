"""A compute node on a thread, with a trainer that does as the test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Queue
from time import monotonic

import numpy as np

from compute_node.config import NodeConfig
from compute_node.node import ComputeNode
from compute_node.shards import Prepared
from compute_node.training import Trainer
from mlcore.kernels.backend import FloatArray
from mlcore.training import ShardResult
from rpc.arrays import bytes_of
from rpc.blobs import blob_name
from rpc.client import Client
from rpc.digests import digest
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply, TrainResult, TrainSettings, TrainTask, Vector
from rpc.services import COMPUTE_NODE
from tests.rpc.running import PATIENCE_S

ROWS = b"1,2,0\n3,4,1\n"
LARGE = (2 << 20) + 1  # weights whose delta is above one part


class HeldTrainer:
    """Trains until it is told to end, and looks whether it is cancelled meanwhile."""

    def __init__(self) -> None:
        self.begun: Queue[str] = Queue()
        self.may_end = threading.Event()

    def __call__(
        self, task: TrainTask, model: FloatArray, data: Prepared, before_step: Callable[[], None]
    ) -> ShardResult:
        self.begun.put(task.attempt)
        while not self.may_end.wait(0.01):
            before_step()
        return ShardResult(np.full(LARGE, 0.25, np.float32), 1.0, 1)


@contextmanager
def running(node: ComputeNode) -> Iterator[ComputeNode]:
    """Run the node on a thread of its own."""
    thread = threading.Thread(target=node.run, name="node under test")
    thread.start()
    try:
        yield node
    finally:
        node.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the node did not stop"


class RunningNode:
    """A node that serves until `close`."""

    def __init__(self, config: NodeConfig, trainer: Trainer) -> None:
        self._node = ComputeNode(config, trainer)
        self._thread = threading.Thread(target=self._node.run, name="node under test")
        self._thread.start()
        self._clients: list[Client] = []
        self.port = self._node.address[1]

    def client(self, connection: str = "slot", *, coordinator: str = "c", epoch: int = 1) -> Client:
        """A connection that has said hello and has put the shard."""
        client, _ = self._greet(connection, coordinator, epoch=epoch)
        client.call("put_blob", blob_name(ROWS), len(ROWS), 0, ROWS)
        return client

    def hello(
        self, *, connection: str = "slot", coordinator: str = "c", role: str = "coordinator", epoch: int = 1
    ) -> HelloReply:
        """What the node tells of itself."""
        return self._greet(connection, coordinator, role, epoch=epoch)[1]

    def kept(self, *, coordinator: str = "c", epoch: int = 1) -> tuple[str, ...]:
        """The tasks that a coordinator is told to run here, or to have their results here."""
        return self.hello(coordinator=coordinator, epoch=epoch).attempts

    def held(self, *, coordinator: str = "c") -> tuple[str, ...]:
        """The vectors that a coordinator is told that it has here."""
        return tuple(name for name in self.hello(coordinator=coordinator).blobs if not name.startswith("sha256:"))

    def _greet(
        self, connection: str, coordinator: str, role: str = "coordinator", *, epoch: int = 1
    ) -> tuple[Client, HelloReply]:
        client = Client(*self._node.address, COMPUTE_NODE, timeout_s=PATIENCE_S, what="compute node")
        self._clients.append(client)
        hello = Hello(PROTOCOL_VERSION, role, coordinator=coordinator, epoch=epoch, connection=connection)
        return client, client.hello(hello)

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self._node.stop()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the node did not stop"


def large_result(attempt: str = "r/1/0#1") -> TrainResult:
    """A result whose delta does not fit one part."""
    return result(attempt, LARGE)


def result(attempt: str = "r/1/0#1", length: int = 10) -> TrainResult:
    delta = Vector("float32", length, 1, data=bytes(4 * length))
    return TrainResult(attempt, 1, rows=2, delta=delta, loss=0.5, epochs_run=1, compute_s=0.1)


def task(attempt: str = "r/1/0#1", *, place: tuple[int, int] = (1, 0), committed: int = 0) -> TrainTask:
    """A task of run `r` for a round and shard."""
    model = np.zeros(10, np.float32)
    return TrainTask(
        attempt=attempt,
        fence=1,
        run="r",
        round=place[0],
        shard=place[1],
        committed_round=committed,
        blob=blob_name(ROWS),
        file="train_toy1.txt",
        threads=1,
        model=Vector("float32", 10, digest(bytes_of(model)), data=model.tobytes()),
        settings=TrainSettings((2, 2)),
    )


class Training:
    """A call of train_shard that is under way on a connection of its own."""

    def __init__(self, client: Client, task: TrainTask) -> None:
        self.result: TrainResult | None = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=lambda: self._call(client, task))
        self._thread.start()

    def wait(self) -> None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def _call(self, client: Client, task: TrainTask) -> None:
        try:
            self.result = client.call("train_shard", task)
        except Exception as error:
            self.error = error


def wait_idle(client: Client) -> None:
    """Return when nothing runs on the node any more."""
    end = monotonic() + PATIENCE_S
    while client.call("status").attempts:
        assert monotonic() < end
