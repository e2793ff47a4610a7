"""Tests of the blocking client: no answer ever reaches another call."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from random import Random
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

import rpc.framing
import rpc.waiting
from rpc.client import Client
from rpc.errors import BadRequest, ProtocolError, Refused, TimedOut, TrainerError, Unreachable
from rpc.loop import Loop
from rpc.messages import PROTOCOL_VERSION, BlobState, Buffer, Hello
from rpc.server import Caller, Later
from rpc.services import COMPUTE_NODE
from tests.rpc.bad_servers import WRONG_ANSWERS, after_hello, good_reply, serve_raw
from tests.rpc.conftest import Serve
from tests.rpc.node import NodeHandler
from tests.rpc.running import PATIENCE_S

Dial = Callable[..., Client]
HELLO = Hello(PROTOCOL_VERSION, "client", connection="slot")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_nobody_listening_is_said_with_the_address() -> None:
    port = free_port()
    with pytest.raises(Unreachable, match=f"compute node 127.0.0.1:{port} is not reachable: .*refused"):
        Client("127.0.0.1", port, COMPUTE_NODE, timeout_s=5, what="compute node").connect()


def test_an_unknown_host_is_said() -> None:
    with pytest.raises(Unreachable, match=r"coordinator no-such-host\.invalid:1 is not reachable"):
        Client("no-such-host.invalid", 1, COMPUTE_NODE, timeout_s=5).connect()


def test_the_first_call_connects_and_after_an_error_connect_must_be_asked_for(serve: Serve) -> None:
    client = Client(*serve().address, COMPUTE_NODE, timeout_s=5)
    assert client.call("hello", HELLO).name == "n1"
    client.close()
    with pytest.raises(Unreachable, match="was closed; connect again first"):
        client.call("status")
    with client.connect():
        client.hello(HELLO)
        assert client.call("status").load == 0.5


@pytest.mark.parametrize("kind", WRONG_ANSWERS)
def test_a_wrong_answer_is_refused_and_the_connection_never_used_again(kind: str) -> None:
    with (
        serve_raw(after_hello(WRONG_ANSWERS[kind])) as address,
        Client(*address, COMPUTE_NODE, timeout_s=5) as client,
    ):
        client.hello(HELLO)
        with pytest.raises((ProtocolError, Unreachable), match=f"{address[0]}:{address[1]}"):
            client.call("status")
        with pytest.raises(Unreachable, match="connect again first"):
            client.call("status")


def test_a_server_of_another_protocol_is_refused_naming_both() -> None:
    def answer(frame: memoryview) -> bytes:
        return good_reply(frame).replace(b"\x08\0\1\0\0\0\1", b"\x08\0\1\0\0\0\x63")

    with serve_raw(answer) as address, Client(*address, COMPUTE_NODE, timeout_s=5) as client:
        with pytest.raises(Refused, match=r"raw .* speaks protocol 99, this side 1"):
            client.hello(HELLO)
        with pytest.raises(Unreachable):
            client.call("status")


def test_a_deadline_is_for_the_whole_answer_even_if_it_trickles() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        client = Client(host, port, COMPUTE_NODE, timeout_s=5, what="node")
        failures: list[TrainerError] = []

        def call() -> None:
            try:
                client.call("hello", HELLO, timeout_s=0.3)
            except TrainerError as error:
                failures.append(error)

        start = monotonic()
        caller = Thread(target=call)
        caller.start()
        sock, _ = listener.accept()
        with sock:
            sock.sendall(b"\0\0\0\x50\x80\x01")
            while caller.is_alive():
                try:
                    sock.sendall(b"\0")
                except ConnectionError:
                    break
                caller.join(0.05)
            caller.join(PATIENCE_S)
        assert 0.3 <= monotonic() - start < 3
        assert isinstance(failures[0], TimedOut)
        assert "did not answer hello in time" in str(failures[0])


class Echo(NodeHandler):
    """Gives back the offset of a part, some of them late."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._loop = loop
        self._rng = Random(1)

    def put_blob(self, caller: Caller, name: str, size: int, offset: int, data: Buffer) -> Any:
        answer = BlobState(name, size, offset)
        if self._rng.random() > 0.05:
            return answer
        later = Later()
        self._loop.call_later(0.04, lambda: later.resolve(answer))
        return later


def test_a_late_answer_never_reaches_the_next_call(serve: Serve, call_node: Dial) -> None:
    address = serve(Echo).address
    wrong: list[int] = []
    timeouts: list[int] = []

    def call_often(first: int) -> None:
        client = call_node(address)
        for number in range(first, first + 400):
            try:
                if client.call("put_blob", "b", 1 << 40, number, b"", timeout_s=0.02).have != number:
                    wrong.append(number)
            except TimedOut:
                timeouts.append(number)
                client.connect().hello(HELLO)

    threads = [Thread(target=call_often, args=(1000 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not wrong
    assert len(timeouts) >= 10


def test_threads_that_share_a_client_each_get_their_own_answer(serve: Serve, call_node: Dial) -> None:
    client = call_node(serve(NodeHandler).address)
    wrong: list[int] = []

    def call_often(number: int) -> None:
        content = os.urandom(100 + number)
        client.call("put_blob", str(number), 1, 0, content)
        for _ in range(200):
            if client.call("get_blob", str(number), 0, 1000) != content:
                wrong.append(number)

    threads = [Thread(target=call_often, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not wrong


def test_closing_from_another_thread_ends_a_call_under_way(serve: Serve, call_node: Dial) -> None:
    server = serve()
    client = call_node(server.address)
    failures: list[TrainerError] = []

    def call() -> None:
        try:
            client.call("cancel_attempt", "a", 1)
        except TrainerError as error:
            failures.append(error)

    caller = Thread(target=call)
    caller.start()
    server.handler.laters.get(timeout=5)
    client.close()
    caller.join(PATIENCE_S)
    assert isinstance(failures[0], Unreachable)


def test_a_call_that_is_closed_before_it_waits_never_waits_for_another_file(
    serve: Serve, call_node: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = call_node(serve().address)
    client.call("status")
    about_to_wait, closed = Event(), Event()
    wait = rpc.waiting.Waiter.for_bytes

    def wait_late(waiter: rpc.waiting.Waiter, deadline: float) -> None:
        about_to_wait.set()
        closed.wait(PATIENCE_S)
        wait(waiter, deadline)

    monkeypatch.setattr(rpc.waiting.Waiter, "for_bytes", wait_late)
    failures: list[TrainerError] = []

    def call() -> None:
        try:
            client.call("cancel_attempt", "a", 1)  # is not answered
        except TrainerError as error:
            failures.append(error)

    caller = Thread(target=call)
    caller.start()
    about_to_wait.wait(PATIENCE_S)
    client.close()
    others = socket.socketpair()  # one may get the number of a file that was closed
    closed.set()
    caller.join(5)
    for other in others:
        other.close()
    assert isinstance(failures[0], Unreachable)


def test_without_poll_the_client_waits_by_select(
    serve: Serve, call_node: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc.waiting, "_HAS_POLL", False)
    server = serve()
    client = call_node(server.address)
    data = os.urandom(4 << 20)
    client.call("put_blob", "b", 4 << 20, 0, data)
    assert client.call("get_blob", "b", 0, 4 << 20) == data
    with pytest.raises(TimedOut):
        client.call("cancel_attempt", "a", 1, timeout_s=0.05)


def test_without_sendmsg_large_messages_still_go_both_ways(
    serve: Serve, call_node: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc.framing, "_HAS_SENDMSG", False)
    client = call_node(serve().address)
    data = os.urandom(4 << 20)
    assert client.call("put_blob", "b", 4 << 20, 0, data).have == len(data)
    assert client.call("get_blob", "b", 0, 4 << 20) == data


def test_an_argument_that_does_not_fit_leaves_the_connection_in_order(serve: Serve, call_node: Dial) -> None:
    client = call_node(serve().address)
    with pytest.raises(BadRequest, match="cancel_attempt"):
        client.call("cancel_attempt", "a", 1 << 40)
    assert client.call("status").load == 0.5
