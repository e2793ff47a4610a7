"""Many nodes in one process that dial in and never get work: `python -m tests.system.many_nodes PORT COUNT FIRST`."""

from __future__ import annotations

import sys
from random import Random

from compute_node.joining import Joining
from rpc.descriptors import raise_nofile
from rpc.loop import Loop
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply, NodeStatus
from rpc.node_identity import KEY_BYTES, identity_of
from rpc.server import Caller

CLASSES = {"float32/1": "none"}


class IdleNode:
    """Says who it is, and answers heartbeats."""

    def __init__(self, key: bytes) -> None:
        self._identity = identity_of(key)

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        return HelloReply(PROTOCOL_VERSION, self._identity, numeric_classes=CLASSES, identity=self._identity)

    def status(self, caller: Caller) -> NodeStatus:
        return NodeStatus(numeric_classes=CLASSES)


def main(port: str, count: str, first: str) -> None:
    raise_nofile()
    loop = Loop()
    for number in range(int(first), int(first) + int(count)):
        key = number.to_bytes(KEY_BYTES)
        Joining(loop, ("127.0.0.1", int(port)), IdleNode(key), key=key, slots=1, rng=Random()).open()
    loop.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
