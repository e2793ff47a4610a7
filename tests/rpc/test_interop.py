"""Tests against stock Thrift: its generated clients call our server, our client calls its server."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from thrift.protocol.TBinaryProtocol import TBinaryProtocolAcceleratedFactory, TBinaryProtocolFactory
from thrift.server.TServer import TThreadedServer
from thrift.Thrift import TApplicationException
from thrift.transport.TSocket import TServerSocket, TSocket
from thrift.transport.TTransport import TFramedTransport, TFramedTransportFactory

from rpc.client import Client
from rpc.errors import BadData, NotFound, RejectReason, RemoteError, RunFailed, TaskRejected
from rpc.generated import ComputeNode, Coordinator, ttypes
from rpc.loop import Loop
from rpc.messages import PROTOCOL_VERSION, Hello, SurveyTask
from rpc.server import Caller, Later
from rpc.services import COMPUTE_NODE, COORDINATOR
from tests.rpc.conftest import Serve

FACTORIES = [TBinaryProtocolFactory, TBinaryProtocolAcceleratedFactory]


class OneRun:
    """A coordinator that knows only the classic call."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def train(self, caller: Caller, dir: str, rounds: int, epochs: int, h: int, k: int, eta: float) -> Later:
        if dir == "nowhere":
            raise NotFound("no folder nowhere")
        later = Later()
        self._loop.call_later(0.02, lambda: later.resolve(eta * rounds))
        return later


@contextmanager
def stock_client(module: Any, address: tuple[str, int], factory: Any) -> Iterator[Any]:
    transport = TFramedTransport(TSocket(*address))
    transport.open()
    try:
        yield module.Client(factory().getProtocol(transport))
    finally:
        transport.close()


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_stock_client_trains_without_hello(serve: Serve, factory: Any) -> None:
    server = serve(OneRun, service=COORDINATOR)
    with stock_client(Coordinator, server.address, factory) as client:
        for rounds in range(1, 4):
            assert client.train("letters", rounds, 5, 24, 0, 0.5) == 0.5 * rounds
        with pytest.raises(ttypes.Failure) as caught:
            client.train("nowhere", 1, 1, 1, 1, 0.1)
        assert (caught.value.code, caught.value.message) == ("not_found", "no folder nowhere")


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_stock_client_sends_and_gets_large_blobs_after_hello(serve: Serve, factory: Any) -> None:
    data = os.urandom(3 << 20)
    with stock_client(ComputeNode, serve().address, factory) as client:
        reply = client.hello(ttypes.Hello(protocol=PROTOCOL_VERSION, role="client", connection="slot"))
        assert (reply.name, reply.labels, reply.attempts) == ("n1", {"gpu": "no"}, ["r1/1/1/1"])
        assert client.put_blob("b", len(data), 0, data).have == len(data)
        assert client.get_blob("b", 0, len(data)) == data
        assert client.forget(["b"]) is None
        task = ttypes.TrainTask(
            attempt="a", fence=1, run="r", round=1, shard=13, blob="", file="f", threads=1,
            model=ttypes.Vector(dtype="float32", length=1, digest=3, name="", data=b"1234"),
            settings=ttypes.TrainSettings(layers=[4, 2]), offset=b"", scale=b"",
        )  # fmt: skip
        with pytest.raises(ttypes.Rejected) as caught:
            client.train_shard(task)
        assert (caught.value.reason, caught.value.retry_after_ms) == (RejectReason.BUSY, 250)


def test_a_stock_client_is_told_of_a_method_that_is_not_there(serve: Serve) -> None:
    with stock_client(ComputeNode, serve().address, TBinaryProtocolFactory) as client:
        client.hello(ttypes.Hello(protocol=PROTOCOL_VERSION, role="client"))
        client.send_status()
        client.recv_status()
        client._oprot.writeMessageBegin("nothing", 1, 0)
        ComputeNode.status_args().write(client._oprot)
        client._oprot.trans.flush()
        with pytest.raises(TApplicationException, match="no method 'nothing'"):
            client.recv_status()


class StockNode:
    """A handler of the generated processor."""

    def __init__(self) -> None:
        self.blob = b""

    def hello(self, hello: Any) -> Any:
        return ttypes.HelloReply(protocol=hello.protocol, name="stock", labels={"a": "b"}, attempts=["x"])

    def put_blob(self, name: str, size: int, offset: int, data: bytes) -> Any:
        self.blob = data
        return ttypes.BlobState(name, size, len(data))

    def get_blob(self, name: str, offset: int, length: int) -> bytes:
        return self.blob[offset : offset + length]

    def survey(self, task: Any) -> Any:
        failures = {
            0: ttypes.Failure(kind=1, code="bad_data", message="f:1: bad"),
            1: ttypes.Rejected(reason=3, message="no memory", retry_after_ms=9),
            2: ttypes.Failure(kind=77, code="from the future", message="later"),
            3: KeyError("a bug"),
        }
        raise failures[task.shard]

    def cancel_attempt(self, attempt: str, grace_ms: int) -> None:
        return None


@pytest.fixture(params=FACTORIES)
def stock_address(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    listener = TServerSocket("127.0.0.1", 0)
    listener.listen()
    server = TThreadedServer(
        ComputeNode.Processor(StockNode()), listener, TFramedTransportFactory(), request.param(), daemon=True
    )
    thread = Thread(target=_serve_until_closed, args=(server, listener), daemon=True)
    thread.start()
    address = listener.handle.getsockname()[:2]
    yield address
    listener.handle.shutdown(socket.SHUT_RDWR)  # close() alone leaves accept() blocked
    listener.close()
    thread.join(10)
    assert not thread.is_alive(), "the stock server did not end"


def _serve_until_closed(server: TThreadedServer, listener: TServerSocket) -> None:
    """What `serve` does, but it ends with its listener: the stock loop would only log and go on."""
    while True:
        try:
            client = listener.accept()
        except OSError:
            return
        Thread(target=server.handle, args=(client,), daemon=True).start()


def test_our_client_calls_a_stock_server(stock_address: tuple[str, int]) -> None:
    data = os.urandom(3 << 20)
    with Client(*stock_address, COMPUTE_NODE, timeout_s=10) as client:
        reply = client.hello(Hello(PROTOCOL_VERSION, "client", connection="slot"))
        assert (reply.name, reply.labels, reply.attempts) == ("stock", {"a": "b"}, ("x",))
        assert client.put_blob if False else client.call("put_blob", "b", len(data), 0, data).have == len(data)
        assert client.call("get_blob", "b", 0, len(data)) == data
        assert client.call("cancel_attempt", "a", 5) is None
        with pytest.raises(BadData, match="f:1: bad"):
            client.call("survey", SurveyTask("a", 1, "r", 0, ""))
        with pytest.raises(TaskRejected, match="no memory"):
            client.call("survey", SurveyTask("a", 1, "r", 1, ""))
        with pytest.raises(RunFailed, match="later"):
            client.call("survey", SurveyTask("a", 1, "r", 2, ""))
        with pytest.raises(RemoteError, match="Internal error"):
            client.call("survey", SurveyTask("a", 1, "r", 3, ""))
