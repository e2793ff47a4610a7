"""Stock Thrift: the generated client and a threaded server, framed, with the C codec; the same two calls."""

from __future__ import annotations

from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocolAcceleratedFactory
from thrift.server.TServer import TThreadedServer
from thrift.transport.TSocket import TServerSocket, TSocket
from thrift.transport.TTransport import TFramedTransport, TFramedTransportFactory

from bench.wire.echo import Way
from bench.wire.kept_blob import KeptBlob, in_parts
from bench.wire.serving import tell_address
from rpc.generated import ComputeNode, ttypes


class Handler:
    """Keeps one blob."""

    def __init__(self) -> None:
        self._kept = KeptBlob()

    def put_blob(self, name: str, size: int, offset: int, data: bytes) -> Any:
        self._kept.put(offset, data)
        return ttypes.BlobState(name, size, offset + len(data))

    def get_blob(self, name: str, offset: int, length: int) -> bytes:
        return bytes(self._kept.get(offset, length))


def connect(port: str) -> Way:
    transport = TFramedTransport(TSocket("127.0.0.1", int(port)))
    transport.open()
    client = ComputeNode.Client(TBinaryProtocolAcceleratedFactory().getProtocol(transport))

    def put(offset: int, part: memoryview, size: int) -> None:
        client.put_blob("blob", size, offset, bytes(part))

    def get(offset: int, length: int) -> memoryview:
        return memoryview(client.get_blob("blob", offset, length))

    return in_parts(put, get)


def main() -> None:
    listener = TServerSocket("127.0.0.1", 0)
    listener.listen()
    tell_address(listener.handle.getsockname()[1])
    # It listens once more, on the port that it has by now.
    listener.port = listener.handle.getsockname()[1]
    listener.close()
    TThreadedServer(
        ComputeNode.Processor(Handler()),
        listener,
        TFramedTransportFactory(),
        TBinaryProtocolAcceleratedFactory(),
        daemon=True,
    ).serve()


if __name__ == "__main__":
    main()
