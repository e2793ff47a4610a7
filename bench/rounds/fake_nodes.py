"""Many nodes in one process that answer at once: `python -m bench.rounds.fake_nodes COUNT SIZE`.

It prints the ports, one a line.
"""

from __future__ import annotations

import sys
from functools import cache

import numpy as np

from bench.rounds.task import STEP, start
from mlcore.shards import parse_rows, survey
from rpc.arrays import bytes_of
from rpc.blobs import digest
from rpc.loop import Loop
from rpc.messages import (
    PROTOCOL_VERSION,
    BlobState,
    Buffer,
    Hello,
    HelloReply,
    NodeStatus,
    ShardSummary,
    SurveyTask,
    TrainResult,
    TrainTask,
    Vector,
)
from rpc.server import Caller, Server
from rpc.services import COMPUTE_NODE


class FakeNode:
    """A node whose shard and delta are always the same."""

    def __init__(self, delta: Vector) -> None:
        self._delta = delta
        self._text = b""

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        return HelloReply(PROTOCOL_VERSION, "fake", numeric_classes={"float32/1": "fake"})

    def status(self, caller: Caller) -> NodeStatus:
        return NodeStatus(numeric_classes={"float32/1": "fake"})

    def put_blob(self, caller: Caller, name: str, size: int, offset: int, data: Buffer) -> BlobState:
        self._text = bytes(data)
        return BlobState(name, size, offset + len(data))

    def survey(self, caller: Caller, task: SurveyTask) -> ShardSummary:
        return summary(self._text, task)

    def train_shard(self, caller: Caller, task: TrainTask) -> TrainResult:
        return TrainResult(task.attempt, task.fence, 26, self._delta, 1.0, 1, 0.0)

    def cancel_attempt(self, caller: Caller, attempt: str, grace_ms: int) -> None:
        pass

    def forget(self, caller: Caller, names: tuple[str, ...]) -> None:
        pass


def summary(text: bytes, task: SurveyTask) -> ShardSummary:
    """What a survey of the shard says."""
    rows, columns, max_label, mean, m2, counts = _facts(text)
    return ShardSummary(task.attempt, task.fence, rows, columns, max_label, mean, m2, counts)


@cache
def _facts(text: bytes) -> tuple[int, int, int, bytes, bytes, bytes]:
    stats = survey(parse_rows(text, name="shard"))
    moments = stats.mean.astype("<f8").tobytes(), stats.m2.astype("<f8").tobytes()
    return stats.rows, stats.columns, stats.max_label, *moments, stats.label_counts.astype("<i8").tobytes()


def main(count: str, size: str) -> None:
    loop = Loop()
    data = bytes(bytes_of(np.full_like(start(size), STEP)))
    delta = Vector("float32", len(data) // 4, digest(data), data=data)
    for _ in range(int(count)):
        server = Server(loop, COMPUTE_NODE, FakeNode(delta), host="127.0.0.1", port=0)
        print(server.address[1], flush=True)
    loop.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
