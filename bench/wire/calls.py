"""Roundhouse's calls: what a node's link does, `put_blob` there and `get_blob` back, in parts of 4 MiB."""

from __future__ import annotations

from bench.wire.echo import Way
from bench.wire.kept_blob import KeptBlob, in_parts
from bench.wire.serving import tell_address
from rpc.client import Client
from rpc.loop import Loop
from rpc.messages import PROTOCOL_VERSION, BlobState, Hello, HelloReply
from rpc.server import Caller, Server
from rpc.services import COMPUTE_NODE


class Handler:
    """Keeps one blob."""

    def __init__(self) -> None:
        self._kept = KeptBlob()

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        return HelloReply(PROTOCOL_VERSION, "echo")

    def put_blob(self, caller: Caller, name: str, size: int, offset: int, data: memoryview) -> BlobState:
        self._kept.put(offset, data)
        return BlobState(name, size, offset + len(data))

    def get_blob(self, caller: Caller, name: str, offset: int, length: int) -> memoryview:
        return self._kept.get(offset, length)


def connect(port: str) -> Way:
    client = Client("127.0.0.1", int(port), COMPUTE_NODE)
    client.hello(Hello(PROTOCOL_VERSION, "client", connection="slot"))

    def put(offset: int, part: memoryview, size: int) -> None:
        client.call("put_blob", "blob", size, offset, part)

    def get(offset: int, length: int) -> memoryview:
        part: memoryview = client.call("get_blob", "blob", offset, length)
        return part

    return in_parts(put, get)


def main() -> None:
    loop = Loop()
    server = Server(loop, COMPUTE_NODE, Handler(), host="127.0.0.1", port=0)
    tell_address(server.address[1])
    loop.run()


if __name__ == "__main__":
    main()
