"""Tests of the transport inside TLS: the same calls, refusals, deadlines, and bytes that come in any pieces."""

from __future__ import annotations

import os
import socket
import ssl
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpc.channel import Channel
from rpc.client import Client
from rpc.errors import ProtocolError, Refused, TimedOut, TrainerError, Unreachable
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply
from rpc.server import Limits
from rpc.services import COMPUTE_NODE
from rpc.tls import Tls, TlsSocket
from tests.rpc.certificates import Certificate, make_certificate
from tests.rpc.conftest import Serve
from tests.rpc.running import PATIENCE_S, RunningLoop

HELLO = Hello(PROTOCOL_VERSION, "coordinator", connection="slot")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls") / "own")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """For the same address, but trusted by nobody."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "stranger")


def client_of(address: tuple[str, int], context: ssl.SSLContext, timeout_s: float = PATIENCE_S) -> Client:
    return Client(*address, COMPUTE_NODE, timeout_s=timeout_s, what="node", tls=context)


def test_calls_of_any_size_go_through(serve: Serve, certificate: Certificate) -> None:
    server = serve(tls=certificate.serving())
    with client_of(server.address, certificate.calling()) as client:
        assert client.hello(HELLO).name == "n1"
        for size in (0, 1, 16_383, 16_384, 16_385, 300_000, 4 << 20):
            data = os.urandom(size)
            assert client.call("put_blob", f"b{size}", size, 0, data).have == size
            assert bytes(client.call("get_blob", f"b{size}", 0, size)) == data
    with client:  # it can be opened again
        assert client.call("hello", HELLO).name == "n1"


class Dialled:
    """A channel, with its events in queues."""

    def __init__(self, running: RunningLoop, address: tuple[str, int], context: ssl.SSLContext, path: str = "") -> None:
        self.running = running
        self.ups: Queue[HelloReply] = Queue()
        self.downs: Queue[TrainerError] = Queue()
        self.channel = running.do(
            lambda: Channel(
                running.loop,
                address,
                COMPUTE_NODE,
                hello=HELLO,
                on_up=self.ups.put,
                on_down=self.downs.put,
                tls=context,
                local_socket=path,
            )
        )

    def put(self, data: bytes) -> int:
        """Put a blob; returns the bytes that the node says it has."""
        replies: Queue[int] = Queue()
        keep = lambda reply: replies.put(reply.have)  # noqa: E731
        self.running.do(
            lambda: self.channel.call("put_blob", "b", len(data), 0, data, timeout_s=PATIENCE_S, on_reply=keep)
        )
        return replies.get(timeout=PATIENCE_S)


@pytest.mark.parametrize("local", [False, True])
def test_a_channel_calls_inside_tls_while_a_unix_socket_needs_none(
    serve: Serve, running_loop: RunningLoop, certificate: Certificate, tmp_path: Path, local: bool
) -> None:
    server = serve(tls=certificate.serving(), local_folder=tmp_path)
    path = server.server.local_socket if local else ""
    dialled = Dialled(running_loop, server.address, certificate.calling(), path)
    assert dialled.ups.get(timeout=PATIENCE_S).name == "n1"
    data = os.urandom(4 << 20)
    assert dialled.put(data) == len(data)
    assert server.handler.blobs["b"] == data
    running_loop.do(dialled.channel.close)


def test_a_certificate_of_a_stranger_or_for_another_name_is_refused(
    serve: Serve, certificate: Certificate, stranger: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = serve(tls=certificate.serving())
    with pytest.raises(Refused, match="its certificate is not accepted: self-signed certificate"):
        client_of(server.address, stranger.calling()).call("hello", HELLO)
    misnamed = make_certificate(tmp_path_factory.mktemp("tls") / "other", "DNS:elsewhere.invalid")
    server = serve(tls=misnamed.serving())
    with pytest.raises(Refused, match="IP address mismatch"):
        client_of(server.address, misnamed.calling()).call("hello", HELLO)


def test_a_channel_that_refuses_the_certificate_goes_down_with_the_reason(
    serve: Serve, running_loop: RunningLoop, certificate: Certificate, stranger: Certificate
) -> None:
    address = serve(tls=certificate.serving()).address
    reason = Dialled(running_loop, address, stranger.calling()).downs.get(timeout=PATIENCE_S)
    assert isinstance(reason, Refused) and f"127.0.0.1:{address[1]}: its certificate is not accepted" in str(reason)


def test_a_server_that_demands_a_certificate_refuses_who_has_none(serve: Serve, certificate: Certificate) -> None:
    context = certificate.serving()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate.certificate)
    address = serve(tls=context).address
    with pytest.raises(Unreachable, match="alert certificate required"):
        client_of(address, certificate.calling()).call("hello", HELLO)
    known = certificate.calling()
    known.load_cert_chain(certificate.certificate, certificate.key)
    with client_of(address, known) as client:
        assert client.hello(HELLO).name == "n1"


def test_who_speaks_no_tls_is_closed_and_others_go_on(
    serve: Serve, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(tls=certificate.serving())
    with pytest.raises((Unreachable, ProtocolError)):
        Client(*server.address, COMPUTE_NODE, timeout_s=PATIENCE_S).call("hello", HELLO)
    with client_of(server.address, certificate.calling()) as client:
        assert client.hello(HELLO).name == "n1"
    assert "TLS failed: " in caplog.text


def test_a_plain_port_is_not_taken_for_a_secure_one(serve: Serve, certificate: Certificate) -> None:
    with pytest.raises(Unreachable, match="closed during the TLS handshake; perhaps it serves without TLS"):
        client_of(serve().address, certificate.calling()).call("hello", HELLO)


def test_what_is_spoilt_after_the_handshake_ends_the_connection(serve: Serve, certificate: Certificate) -> None:
    server = serve(tls=certificate.serving())
    with (
        socket.create_connection(server.address, PATIENCE_S) as sock,
        certificate.calling().wrap_socket(sock, server_hostname="127.0.0.1") as stock,
    ):
        socket.socket.send(stock, b"\x17\x03\x03\x00\x20" + bytes(32))  # past the encryption
        with pytest.raises(ssl.SSLError, match="alert bad record mac"):
            stock.recv(1)
    with client_of(server.address, certificate.calling()) as client:
        assert client.hello(HELLO).name == "n1"


def test_a_handshake_that_does_not_end_has_a_deadline_on_both_sides(serve: Serve, certificate: Certificate) -> None:
    server = serve(tls=certificate.serving(), limits=Limits(first_call_s=0.2))
    with socket.create_connection(server.address, PATIENCE_S) as silent:
        silent.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
        assert silent.recv(1) == b""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        client = client_of(listener.getsockname(), certificate.calling(), timeout_s=0.2)
        with pytest.raises(TimedOut, match="did not finish the TLS handshake"):
            client.call("hello", HELLO)


def test_many_who_never_finish_their_handshake_keep_nobody_out(serve: Serve, certificate: Certificate) -> None:
    server = serve(tls=certificate.serving())
    with ExitStack() as sockets:
        for number in range(400):
            lazy = sockets.enter_context(socket.create_connection(server.address, PATIENCE_S))
            if number % 2:
                lazy.sendall(b"\x16\x03\x01\x02\x00\x01")
        with client_of(server.address, certificate.calling(), timeout_s=2.0) as client:
            assert client.hello(HELLO).name == "n1"


def test_the_end_of_a_connection_is_announced_by_both_sides(serve: Serve, certificate: Certificate) -> None:
    server = serve(tls=certificate.serving())
    with (
        socket.create_connection(server.address, PATIENCE_S) as sock,
        certificate.calling().wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as stock,
    ):
        server.close()
        assert stock.recv(1) == b""  # an end without the announcement would be an SSLEOFError
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = client_of(listener.getsockname(), certificate.calling())
        connecting = Thread(target=client.connect)
        connecting.start()
        near, _ = listener.accept()
        near.settimeout(PATIENCE_S)
        with certificate.serving().wrap_socket(near, server_side=True, suppress_ragged_eofs=False) as stock:
            connecting.join(PATIENCE_S)
            client.close()
            assert stock.recv(1) == b""


def test_a_caller_who_leaves_is_noticed_while_its_answer_is_awaited(
    serve: Serve, running_loop: RunningLoop, certificate: Certificate
) -> None:
    server = serve(tls=certificate.serving())
    dialled = Dialled(running_loop, server.address, certificate.calling())
    dialled.ups.get(timeout=PATIENCE_S)
    running_loop.do(
        lambda: dialled.channel.call("cancel_attempt", "a", 0, timeout_s=PATIENCE_S, on_reply=lambda reply: None)
    )
    server.handler.laters.get(timeout=PATIENCE_S)
    running_loop.do(dialled.channel.close)
    assert server.handler.closed.get(timeout=PATIENCE_S).startswith("127.0.0.1:")


def test_a_glance_at_what_comes_next_loses_nothing(certificate: Certificate) -> None:
    near, far = socket.socketpair()
    with near, far:
        one, other = pair(near, far, certificate, 40_000)
        with pytest.raises(BlockingIOError):
            other.peek()
        assert one.send(b"abcdef") == 6
        assert other.peek() and other.peek() and other.pending
        assert received(other, memoryview(bytearray(1))) == b"a"
        assert received(other, memoryview(bytearray(9))) == b"bcdef"
        one.say_goodbye()
        assert not other.peek()


def pair(
    near: socket.socket, far: socket.socket, certificate: Certificate, scratch: int
) -> tuple[TlsSocket, TlsSocket]:
    """Both ends of a connection, with the handshake done."""
    near.setblocking(False)
    far.setblocking(False)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    one = TlsSocket(near, Tls(certificate.calling(), "127.0.0.1"), memoryview(bytearray(scratch)))
    other = TlsSocket(far, Tls(certificate.serving()), memoryview(bytearray(scratch)))
    handshake(one, other)
    return one, other


def handshake(one: TlsSocket, other: TlsSocket) -> None:
    for _ in range(20):
        if all([one.handshake(), other.handshake()]):
            return
    raise AssertionError("the handshake did not end")


def received(tls: TlsSocket, room: memoryview) -> bytes:
    try:
        return bytes(room[: tls.recv_into(room)])
    except BlockingIOError:
        return b""


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60_000), min_size=1, max_size=6),
    rooms=st.lists(st.sampled_from([1, 100, 5_000, 16_384, 70_000]), min_size=1, max_size=4),
    wire_bytes=st.sampled_from([700, 9_000, 40_000]),
)
def test_bytes_arrive_in_order_in_any_pieces(
    certificate: Certificate, sizes: list[int], rooms: list[int], wire_bytes: int
) -> None:
    near, far = socket.socketpair()
    with near, far:
        sender, receiver = pair(near, far, certificate, wire_bytes)
        sent = os.urandom(sum(sizes))
        left, came, turn = sent, b"", 0
        while len(came) < len(sent):
            if left:
                with suppress(BlockingIOError):
                    left = left[sender.send(left[: sizes[turn % len(sizes)]]) :]
            came += received(receiver, memoryview(bytearray(rooms[turn % len(rooms)])))
            turn += 1
        assert came == sent
        sender.say_goodbye()
        assert receiver.recv_into(memoryview(bytearray(10))) == 0
