"""Many nodes in one process that answer at once: `python -m bench.rounds.fake_nodes COUNT SIZE`.

It prints the ports, one a line. Training tasks are answered from a template: as much work as a real node does for one
would make the fakes, not the coordinator, what a round waits for.
"""

from __future__ import annotations

import socket
import sys
from functools import cache

from bench.rounds.template import Template
from mlcore.shards import parse_rows, survey
from rpc.loop import READ, Loop
from rpc.messages import (
    MAX_FRAME_BYTES,
    PROTOCOL_VERSION,
    BlobState,
    Buffer,
    Hello,
    HelloReply,
    NodeStatus,
    ShardSummary,
    SurveyTask,
)
from rpc.services import COMPUTE_NODE
from rpc.session import Caller, Session
from rpc.sockets import listen
from rpc.transport import Connection


class FakeNode:
    """All that a node is asked but to train; its shard is always the same."""

    def __init__(self) -> None:
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


class FakeNodes:
    """The connections of all nodes."""

    def __init__(self, loop: Loop, template: Template) -> None:
        self._loop = loop
        self._template = template

    def listen(self) -> int:
        """Add a node; return its port."""
        handler, listener = FakeNode(), listen("127.0.0.1", 0)
        self._loop.register(listener, READ, lambda _events: self._take(handler, listener.accept()[0]))
        port: int = listener.getsockname()[1]
        return port

    def spoke(self, session: Session) -> None:
        """Nothing comes of it."""

    def admit(self, session: Session) -> None:
        """There is room for everybody."""

    def _take(self, handler: FakeNode, sock: socket.socket) -> None:
        session = Session(COMPUTE_NODE, handler, self)

        def on_frame(frame: memoryview) -> None:
            answer = self._template.answer(frame)
            if answer is None:
                session.on_frame(frame)
            else:
                connection.send([answer])

        connection = Connection(
            self._loop,
            sock,
            on_frame=on_frame,
            on_closed=lambda reason: session.closed(),
            max_frame_bytes=MAX_FRAME_BYTES,
        )
        session.start(connection)


def main(count: str, size: str) -> None:
    loop = Loop()
    nodes = FakeNodes(loop, Template(size))
    for _ in range(int(count)):
        print(nodes.listen(), flush=True)
    loop.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
