"""Tests of the server: honest callers are served whatever others do, and hello comes first."""

from __future__ import annotations

import errno
import gc
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from struct import pack
from threading import Thread
from time import monotonic, process_time

import psutil
import pytest

from rpc.client import Client
from rpc.codec import encode_call
from rpc.errors import (
    BadData,
    PortInUse,
    Refused,
    RejectReason,
    RemoteError,
    TaskRejected,
    TimedOut,
    Unreachable,
)
from rpc.messages import (
    MAX_FRAME_BYTES,
    PROTOCOL_VERSION,
    SMALL_FRAME_BYTES,
    DataFile,
    Hello,
    HelloReply,
    NodeStatus,
    ScriptSpec,
    ScriptTask,
    SurveyTask,
    TrainSettings,
    TrainTask,
    Vector,
)
from rpc.server import Caller, Limits, Server
from rpc.services import COMPUTE_NODE, message_head
from tests.rpc.conftest import Serve
from tests.rpc.node import NodeHandler
from tests.rpc.running import RunningLoop, RunningServer

Dial = Callable[..., Client]
HELLO = Hello(PROTOCOL_VERSION, "client", connection="slot")


def task(shard: int = 0, data: bytes = b"1234") -> TrainTask:
    model = Vector("float32", len(data) // 4, 5, data=data)
    return TrainTask("r/1/2/1", 7, "r", 1, shard, "", "f", 1, model, TrainSettings((4, 2)))


def hang_up_is_seen(sock: socket.socket, within_s: float = 5.0) -> bool:
    """Whether the other side closes the connection in time, whatever it says first."""
    sock.settimeout(within_s)
    try:
        while sock.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


def test_calls_are_answered_at_once_later_or_with_their_error(serve: Serve, call_node: Dial) -> None:
    client = call_node(serve().address)
    assert client.call("status").load == 0.5
    assert client.call("train_shard", task()).delta == task().model
    assert client.call("forget", ("a",)) is None
    with pytest.raises(BadData, match=r"f\.txt:3: 17 columns"):
        client.call("survey", SurveyTask("a", 1, "r", 0, "", "f.txt"))
    with pytest.raises(TaskRejected) as rejected:
        client.call("train_shard", task(shard=13))
    assert (rejected.value.reason, rejected.value.retry_after_ms) == (RejectReason.BUSY, 250)
    with pytest.raises(RemoteError, match="incident") as broken:
        client.call("train_shard", task(shard=14))
    assert "secret" not in str(broken.value)
    assert client.call("status").load == 0.5


def test_megabytes_go_both_ways_on_a_slot_connection(serve: Serve, call_node: Dial) -> None:
    client = call_node(serve().address)
    data = os.urandom(4 << 20)
    for offset in range(0, 16 << 20, 4 << 20):
        assert client.call("put_blob", "b", 16 << 20, offset, data).have == offset + len(data)
    for offset in range(0, 16 << 20, 4 << 20):
        assert client.call("get_blob", "b", offset, 4 << 20) == data
    delta = client.call("train_shard", task(data=data)).delta
    assert delta.data == data


def test_a_frame_above_the_limit_ends_the_connection(serve: Serve, call_node: Dial) -> None:
    address = serve().address
    control = call_node(address, connection="control")
    assert control.call("put_blob", "b", 1, 0, bytes(SMALL_FRAME_BYTES - 1000)).have
    with pytest.raises(Unreachable):
        control.call("put_blob", "b", 1, 0, bytes(SMALL_FRAME_BYTES))
    with socket.create_connection(address) as stranger:
        stranger.sendall(pack("!I", SMALL_FRAME_BYTES + 1))
        assert hang_up_is_seen(stranger)
    with socket.create_connection(address) as known:
        known.sendall(b"".join(encode_call(COMPUTE_NODE.methods["hello"], 1, (HELLO,))))
        assert known.recv(1000)
        known.sendall(pack("!I", MAX_FRAME_BYTES + 1))
        assert hang_up_is_seen(known)


@pytest.mark.parametrize("name", [each.name for each in COMPUTE_NODE.methods.values() if not each.before_hello])
def test_nothing_is_served_before_hello(serve: Serve, name: str) -> None:
    arguments = {
        "survey": (SurveyTask("a", 1, "r", 0, ""),),
        "train_shard": (task(),),
        "cancel_attempt": ("a", 1),
        "preempt_attempt": ("a", 1),
        "put_blob": ("b", 1, 0, b"x"),
        "get_blob": ("b", 0, 1),
        "set_drained": (True,),
        "forget": ((),),
        "start_script": (ScriptTask("a", 1, "j", ScriptSpec("j", DataFile("j.zip", "", 0))),),
        "follow": ("a", 0, 0),
    }
    server = serve()
    with Client(*server.address, COMPUTE_NODE, timeout_s=5, what="node") as client:
        with pytest.raises(Refused, match=f"{name} needs a hello first"):
            client.call(name, *arguments.get(name, ()))
        with pytest.raises(Unreachable):
            client.call("hello", HELLO)
    assert server.handler.blobs == {}


def test_another_protocol_is_refused_by_name_of_both(serve: Serve) -> None:
    with Client(*serve().address, COMPUTE_NODE, timeout_s=5) as client:
        with pytest.raises(Refused, match=r"client 0\.9.* protocol 99, this side 1"):
            client.hello(Hello(99, "client", "0.9"))
        with pytest.raises(Unreachable):
            client.call("status")


def framed(head: bytes, rest: bytes) -> bytes:
    message = head + pack("!i", 1) + rest
    return pack("!I", len(message)) + message


NOISE = {
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "noise": os.urandom(1 << 20),
    "zeros": bytes(1 << 20),
    "unframed": message_head(1, "status") + bytes(5),
    "length bomb": pack("!I", 0x7FFFFFFF),
    "negative length": pack("!i", -5),
    "string bomb": framed(message_head(1, "hello"), b"\x0c\0\1\x0b\0\2\x7f\xff\xff\xff" + bytes(9)),
    "list bomb": framed(message_head(1, "forget"), b"\x0f\0\1\x0b\x7f\xff\xff\xff"),
    "left over": framed(message_head(1, "status"), bytes(8)),
    "deep": framed(message_head(1, "hello"), b"\x0c\0\x63" * 20_000),
    "a reply": framed(message_head(2, "status"), bytes(1)),
}


@pytest.mark.parametrize("kind", NOISE)
def test_junk_ends_its_connection_at_once_and_nobody_elses(
    serve: Serve, call_node: Dial, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    server = serve()
    honest = call_node(server.address)
    before = psutil.Process().memory_info().rss
    for _ in range(50):
        with socket.create_connection(server.address) as sock:
            with suppress(ConnectionError):  # it may be refused before all of it is sent
                sock.sendall(NOISE[kind])
            assert hang_up_is_seen(sock)
        assert honest.call("status").load == 0.5
    assert psutil.Process().memory_info().rss - before < 32 << 20
    assert len([record for record in caplog.records if record.name == "rpc.bad_peers"]) == 1


def test_half_a_frame_is_given_up_after_the_deadline_even_if_it_trickles(serve: Serve, call_node: Dial) -> None:
    server = serve(limits=Limits(stall_s=0.3))
    honest = call_node(server.address)
    start = monotonic()
    with socket.create_connection(server.address) as half, socket.create_connection(server.address) as slow:
        half.sendall(b"".join(encode_call(COMPUTE_NODE.methods["hello"], 1, (HELLO,)))[:20])
        slow.settimeout(0.02)
        closed = False
        while not closed and monotonic() - start < 10:
            try:
                slow.sendall(b"\0")
                closed = slow.recv(1) == b""
            except TimeoutError:
                assert honest.call("status").load == 0.5
            except ConnectionError:
                closed = True
        assert closed
        assert hang_up_is_seen(half)
    assert 0.3 <= monotonic() - start < 5


def test_a_peer_that_does_not_read_its_answer_is_given_up(serve: Serve, call_node: Dial) -> None:
    server = serve(limits=Limits(stall_s=0.3))
    honest = call_node(server.address)
    honest.call("put_blob", "b", 4 << 20, 0, bytes(4 << 20))
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(server.address)
        sock.sendall(b"".join(encode_call(COMPUTE_NODE.methods["hello"], 1, (HELLO,))))
        assert sock.recv(1000)
        ask = b"".join(encode_call(COMPUTE_NODE.methods["get_blob"], 1, ("b", 0, 4 << 20)))
        sock.sendall(ask * 10)
        assert server.handler.closed.get(timeout=10)
    assert honest.call("status").load == 0.5


def test_a_silent_connection_is_closed_and_one_that_has_called_is_not(serve: Serve, call_node: Dial) -> None:
    server = serve(limits=Limits(first_call_s=0.2))
    honest = call_node(server.address)
    with (
        socket.create_connection(server.address) as first,
        socket.create_connection(server.address) as second,
    ):
        assert hang_up_is_seen(first) and hang_up_is_seen(second)
    assert honest.call("status").load == 0.5


def _seconds_of_an_honest_call(server: RunningServer) -> float:
    start = monotonic()
    with Client(*server.address, COMPUTE_NODE, timeout_s=5) as honest:
        honest.hello(HELLO)
        assert honest.call("status").load == 0.5
    return monotonic() - start


def test_an_honest_caller_is_served_beside_600_silent_ones(serve: Serve) -> None:
    server = serve()
    with ExitStack() as sockets:
        for _ in range(600):
            sockets.enter_context(socket.create_connection(server.address))
        assert min(_seconds_of_an_honest_call(server) for _ in range(3)) < 0.25  # others may use the machine meanwhile
        assert server.running.do(lambda: server.server.connections) <= 513


def test_at_the_cap_the_oldest_silent_connection_makes_room(serve: Serve) -> None:
    server = serve(limits=Limits(unauthenticated=3))
    with ExitStack() as sockets:
        first, second, third = (sockets.enter_context(socket.create_connection(server.address)) for _ in range(3))
        first.sendall(b"".join(encode_call(COMPUTE_NODE.methods["hello"], 1, (HELLO,))))
        assert first.recv(1000)  # known now, so it counts no more
        sockets.enter_context(socket.create_connection(server.address))
        fifth = sockets.enter_context(socket.create_connection(server.address))
        assert hang_up_is_seen(second)
        for each in (third, fifth):
            each.sendall(b"".join(encode_call(COMPUTE_NODE.methods["hello"], 1, (HELLO,))))
            assert each.recv(1000)


def test_known_connections_have_a_cap_too(serve: Serve, call_node: Dial) -> None:
    server = serve(limits=Limits(authenticated=2))
    first, second = call_node(server.address), call_node(server.address)
    with pytest.raises(Refused, match="2 connections are open"):
        call_node(server.address)
    second.close()
    server.handler.closed.get(timeout=5)
    third = call_node(server.address)
    assert first.call("status") == third.call("status")


def test_a_late_reply_reaches_its_caller_once_or_nobody(serve: Serve, call_node: Dial) -> None:
    server = serve()
    client = call_node(server.address)
    with pytest.raises(TimedOut):
        client.call("cancel_attempt", "a", 1, timeout_s=0.1)
    server.handler.closed.get(timeout=5)  # noticed although the call is not answered yet
    late = server.handler.laters.get(timeout=5)
    server.running.do(lambda: late.resolve(None))
    again = call_node(server.address)
    with pytest.raises(TimedOut):
        again.call("cancel_attempt", "b", 1, timeout_s=0.1)
    server.running.do(lambda: late.fail(BadData("too late")))


def test_calls_sent_at_once_are_answered_one_after_the_other(serve: Serve) -> None:
    server = serve()
    large = task(data=os.urandom(200_000))
    with socket.create_connection(server.address) as sock:
        sock.settimeout(10)
        sock.sendall(b"".join(encode_call(COMPUTE_NODE.methods["hello"], 1, (HELLO,))))
        assert sock.recv(1000)
        calls = b"".join(
            b"".join(encode_call(COMPUTE_NODE.methods["train_shard"], number, (each,)))
            for number, each in enumerate([task(), large, task(), large, task()])
        )
        sock.sendall(calls)
        received = b""
        while len(received) < len(calls) - 1000:
            received += sock.recv(1 << 20)
    head = message_head(2, "train_shard")
    numbers = [part[:4] for part in received.split(head)[1:]]
    assert numbers == [pack("!i", number) for number in range(5)]
    assert received.count(large.model.data) == 2  # type: ignore[arg-type]


def test_more_calls_than_fit_a_buffer_end_no_connection(serve: Serve) -> None:
    server = serve()
    calls = b"".join(encode_call(COMPUTE_NODE.methods["cancel_attempt"], 1, ("a", 1))) * 12_000  # 500 KB
    with ExitStack() as stack:
        sock = stack.enter_context(socket.create_connection(server.address))
        sock.sendall(b"".join(encode_call(COMPUTE_NODE.methods["hello"], 1, (HELLO,))))
        assert sock.recv(1000)

        def send() -> None:
            with suppress(OSError):  # it is not waited for to the end
                sock.sendall(calls)

        sender = Thread(target=send)
        sender.start()
        stack.callback(sender.join)
        stack.callback(sock.shutdown, socket.SHUT_RDWR)
        for _ in range(100):
            server.running.do(partial(server.handler.laters.get(timeout=5).resolve, None))


def test_a_port_that_is_taken_is_named(running_loop: RunningLoop, serve: Serve) -> None:
    host, port = serve().address
    with pytest.raises(PortInUse, match=f"127.0.0.1:{port} is in use"):
        running_loop.do(lambda: Server(running_loop.loop, COMPUTE_NODE, None, host=host, port=port))


def test_a_server_that_is_not_open_yet_leaves_nobody_waiting(running_loop: RunningLoop) -> None:
    server = running_loop.do(
        lambda: Server(
            running_loop.loop, COMPUTE_NODE, NodeHandler(running_loop.loop), host="127.0.0.1", port=0, opens=False
        )
    )
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address, timeout=5)
    running_loop.do(server.open)
    socket.create_connection(server.address, timeout=5).close()
    running_loop.do(server.close)


def test_without_descriptors_the_server_turns_newcomers_away_without_spinning(
    serve: Serve, call_node: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    resource = pytest.importorskip("resource")
    server = serve()
    honest = call_node(server.address)
    gc.collect()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as held:
        newcomer = held.enter_context(socket.socket())
        used = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 3, hard))
        try:
            held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            exhaust_descriptors(held)
            before = process_time()
            newcomer.connect(server.address)
            assert hang_up_is_seen(newcomer)
            for _ in range(20):
                assert honest.call("status").load == 0.5
            assert process_time() - before < 0.5
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert any("no file descriptor is left" in record.getMessage() for record in caplog.records)
    assert call_node(server.address).call("status").load == 0.5


def exhaust_descriptors(held: ExitStack) -> None:
    """Open files until no more can be opened."""
    while True:
        try:
            held.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            assert error.errno == errno.EMFILE
            return


def test_a_handler_that_returns_nonsense_does_not_break_the_connection(serve: Serve) -> None:
    class Nonsense(NodeHandler):
        def status(self, caller: Caller) -> NodeStatus:
            return NodeStatus(load="much")  # type: ignore[arg-type]

    server = serve(Nonsense)
    with Client(*server.address, COMPUTE_NODE, timeout_s=5) as client:
        client.hello(HELLO)
        for _ in range(2):
            with pytest.raises(RemoteError, match="status met an internal error"):
                client.call("status")


def test_a_hello_that_the_handler_refuses_ends_the_connection(serve: Serve) -> None:
    class Choosy(NodeHandler):
        def hello(self, caller: Caller, hello: Hello) -> HelloReply:
            raise Refused("token unknown")

    server = serve(Choosy)
    client = Client(*server.address, COMPUTE_NODE, timeout_s=5)
    with client, pytest.raises(Refused, match="token unknown"):
        client.hello(HELLO)
    with client:
        with pytest.raises(Refused):
            client.hello(HELLO)
        with pytest.raises(Unreachable):
            client.call("hello", HELLO)
