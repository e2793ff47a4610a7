"""A compute node that only remembers what it was told: the handler behind most tests of the wire."""

from __future__ import annotations

from queue import Queue
from typing import Any

from rpc.errors import BadData, RejectReason, TaskRejected
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
)
from rpc.server import Caller, Later


class NodeHandler:
    """A node without work.

    Attributes:
        blobs: what was put.
        closed: peers whose connection has ended.
        laters: the replies that `cancel_attempt` holds back.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.blobs: dict[str, bytes] = {}
        self.closed: Queue[str] = Queue()
        self.laters: Queue[Later] = Queue()

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        caller.on_closed(lambda: self.closed.put(caller.peer))
        return HelloReply(PROTOCOL_VERSION, "n1", labels={"gpu": "no"}, attempts=("r1/1/1/1",))

    def status(self, caller: Caller) -> NodeStatus:
        return NodeStatus(load=0.5)

    def survey(self, caller: Caller, task: SurveyTask) -> ShardSummary:
        raise BadData(f"{task.file}:3: 17 columns expected")

    def train_shard(self, caller: Caller, task: TrainTask) -> TrainResult | Later:
        """Give the model back as the delta after 10 ms; reject shard 13, break on shard 14."""
        if task.shard == 13:
            raise TaskRejected(RejectReason.BUSY, "busy", 250)
        if task.shard == 14:
            raise KeyError("/secret/path")
        later = Later()
        result = TrainResult(task.attempt, task.fence, 1600, task.model, 1.5, task.settings.epochs, 0.01)
        self._loop.call_later(0.01, lambda: later.resolve(result))
        return later

    def cancel_attempt(self, caller: Caller, attempt: str, grace_ms: int) -> Later:
        later = Later()
        self.laters.put(later)
        return later

    def put_blob(self, caller: Caller, name: str, size: int, offset: int, data: Buffer) -> Any:
        self.blobs[name] = self.blobs.get(name, b"")[:offset] + bytes(data)
        return BlobState(name, size, len(self.blobs[name]))

    def get_blob(self, caller: Caller, name: str, offset: int, length: int) -> Any:
        return memoryview(self.blobs[name])[offset : offset + length]

    def forget(self, caller: Caller, names: tuple[str, ...]) -> None:
        for name in names:
            self.blobs.pop(name, None)
