"""Nodes that say of themselves whatever could harm a page: `python -m tests.web.browser.hostile_nodes PORT`.

The protocol they speak is the real one; no setting of a real node would let these words and numbers through.
"""

from __future__ import annotations

import math
import sys
from random import Random

from compute_node.joining import Joining
from rpc.loop import Loop
from rpc.messages import PROTOCOL_VERSION, GpuUse, Hello, HelloReply, NodeStatus
from rpc.node_identity import KEY_BYTES, identity_of
from rpc.server import Caller
from tests.web.browser.payloads import ODD, SCRIPTS

TEXTS = (*SCRIPTS, *ODD, "\x1b]0;title\x07\x1b[31m", "two\nlines\r\n", "\0", "x" * 4_000)
_NUMBERS = (math.nan, math.inf, -math.inf, -1.0, 1e300, 0.5)
_SIZES = (-1, 0, 2**63 - 1, -(2**63), 1)


class HostileNode:
    """One whose every word is one of the texts."""

    def __init__(self, key: bytes, number: int) -> None:
        self._identity = identity_of(key)
        self._text = TEXTS[number]
        self._number, self._size = _NUMBERS[number % len(_NUMBERS)], _SIZES[number % len(_SIZES)]

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        text = self._text
        return HelloReply(
            PROTOCOL_VERSION,
            text,
            version=text,
            device=text,
            labels={text: text, "scripts": text, **{f"{n} {text[:50]}": text[:50] for n in range(20)}},
            numeric_classes={text: text},
            identity=self._identity,
            memory_bytes=self._size,
        )

    def status(self, caller: Caller) -> NodeStatus:
        return NodeStatus(
            load=self._number,
            cpu=self._number,
            memory_used_bytes=self._size,
            memory_total_bytes=self._size,
            disk_free_bytes=self._size,
            disk_total_bytes=-self._size if self._size > -(2**63) else 7,
            numeric_classes={self._text: self._text},
            labels={"late": self._text},
            gpus=(GpuUse(self._text, self._number, self._size, self._size),),
        )


def main(port: str) -> None:
    loop = Loop()
    for number in range(len(TEXTS)):
        key = (1 + number).to_bytes(KEY_BYTES)
        node = HostileNode(key, number)
        Joining(loop, ("127.0.0.1", int(port)), node, key=key, slots=1, rng=Random()).open()
    loop.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
