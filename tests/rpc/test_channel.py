"""Tests of the calling side on the loop."""

from __future__ import annotations

import os
import socket
from queue import Empty, Queue
from time import monotonic
from typing import Any

import pytest

from rpc.channel import Channel
from rpc.errors import (
    BadData,
    BadRequest,
    ProtocolError,
    Refused,
    TaskRejected,
    TimedOut,
    TrainerError,
    Unreachable,
)
from rpc.messages import (
    PROTOCOL_VERSION,
    SMALL_FRAME_BYTES,
    Hello,
    HelloReply,
    SurveyTask,
    TrainSettings,
    TrainTask,
    Vector,
)
from rpc.services import COMPUTE_NODE
from tests.rpc.bad_servers import WRONG_ANSWERS, after_hello, good_reply, serve_raw
from tests.rpc.conftest import Serve
from tests.rpc.running import RunningLoop

HELLO = Hello(PROTOCOL_VERSION, "coordinator", connection="slot")


class Dialled:
    """A channel whose events come by queues."""

    def __init__(
        self,
        running: RunningLoop,
        address: tuple[str, int],
        hello: Hello = HELLO,
        connect_timeout_s: float = 5.0,
    ) -> None:
        self.running = running
        self.ups: Queue[HelloReply] = Queue()
        self.downs: Queue[TrainerError] = Queue()
        self.channel = running.do(
            lambda: Channel(
                running.loop,
                address,
                COMPUTE_NODE,
                hello=hello,
                on_up=self.ups.put,
                on_down=self.downs.put,
                connect_timeout_s=connect_timeout_s,
            )
        )

    def call(self, name: str, *args: Any, timeout_s: float = 5.0) -> Any:
        """What `on_reply` got."""
        replies: Queue[Any] = Queue()

        def keep(reply: Any) -> None:
            delta = getattr(reply, "delta", None)
            replies.put((reply, None if delta is None else bytes(delta.data)))

        self.running.do(lambda: self.channel.call(name, *args, timeout_s=timeout_s, on_reply=keep))
        reply, _ = replies.get(timeout=10)
        return reply

    def close(self) -> None:
        self.running.do(self.channel.close)

    def went_down_once(self) -> TrainerError:
        error = self.downs.get(timeout=10)
        self.running.do(lambda: None)
        with pytest.raises(Empty):
            self.downs.get_nowait()
        return error


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_channel_comes_up_calls_and_is_closed(serve: Serve, running_loop: RunningLoop, host: str) -> None:
    dialled = Dialled(running_loop, (host, serve().address[1]))
    assert dialled.ups.get(timeout=10).labels == {"gpu": "no"}
    assert dialled.call("status").load == 0.5
    assert isinstance(dialled.call("survey", SurveyTask("a", 1, "r", 0, "", "f")), BadData)
    task = TrainTask("a", 1, "r", 1, 13, "", "f", 1, Vector("float32", 1, 2, data=b"1234"), TrainSettings((1, 2)))
    assert isinstance(dialled.call("train_shard", task), TaskRejected)
    assert dialled.call("status").load == 0.5
    connection = dialled.channel.connection
    assert connection is not None and connection.bytes_sent > 100 and connection.bytes_received > 100
    dialled.close()
    assert "was closed" in str(dialled.went_down_once())
    dialled.close()


def test_a_large_result_is_there_while_on_reply_runs(serve: Serve, running_loop: RunningLoop) -> None:
    server = serve()
    dialled = Dialled(running_loop, server.address)
    dialled.ups.get(timeout=10)
    data = os.urandom(4 << 20)
    seen: Queue[bytes] = Queue()
    for _ in range(3):
        assert dialled.call("put_blob", "b", 4 << 20, 0, data).have == len(data)
        running_loop.do(
            lambda: dialled.channel.call(
                "get_blob", "b", 0, 4 << 20, timeout_s=5, on_reply=lambda part: seen.put(bytes(part))
            )
        )
        assert seen.get(timeout=10) == data
    dialled.close()


def test_one_call_at_a_time_and_none_before_it_is_up(serve: Serve, running_loop: RunningLoop) -> None:
    server = serve()
    dialled = Dialled(running_loop, server.address)
    dialled.ups.get(timeout=10)
    replies: Queue[Any] = Queue()

    def twice() -> None:
        dialled.channel.call("cancel_attempt", "a", 1, timeout_s=5, on_reply=replies.put)
        assert dialled.channel.busy
        dialled.channel.call("status", timeout_s=5, on_reply=replies.put)

    with pytest.raises(RuntimeError, match="status was called while"):
        running_loop.do(twice)
    later = server.handler.laters.get(timeout=5)
    running_loop.do(lambda: later.resolve(None))
    assert replies.get(timeout=5) is None
    dialled.close()
    with pytest.raises(RuntimeError):
        dialled.call("status")


def test_an_argument_that_does_not_fit_leaves_the_channel_free(serve: Serve, running_loop: RunningLoop) -> None:
    dialled = Dialled(running_loop, serve().address)
    dialled.ups.get(timeout=10)
    with pytest.raises(BadRequest):
        dialled.call("cancel_attempt", "a", 1 << 40)
    assert dialled.call("status").load == 0.5
    dialled.close()


@pytest.mark.parametrize("kind", WRONG_ANSWERS)
def test_a_wrong_answer_fails_the_call_and_ends_the_channel_once(running_loop: RunningLoop, kind: str) -> None:
    with serve_raw(after_hello(WRONG_ANSWERS[kind])) as address:
        dialled = Dialled(running_loop, address)
        dialled.ups.get(timeout=10)
        reply = dialled.call("status")
        if kind == "two replies":  # the first of them was right
            assert reply.load == 0.0
        else:
            assert isinstance(reply, ProtocolError | Unreachable)
        assert isinstance(dialled.went_down_once(), ProtocolError | Unreachable)


def test_a_call_without_an_answer_times_out_and_ends_the_channel(serve: Serve, running_loop: RunningLoop) -> None:
    dialled = Dialled(running_loop, serve().address)
    dialled.ups.get(timeout=10)
    assert dialled.call("status", timeout_s=0.05).load == 0.5
    start = monotonic()
    error = dialled.call("cancel_attempt", "a", 1, timeout_s=0.2)
    assert isinstance(error, TimedOut) and 0.15 < monotonic() - start < 3
    assert dialled.went_down_once() is error


def test_a_node_that_dies_fails_the_call_under_way(serve: Serve, running_loop: RunningLoop) -> None:
    server = serve()
    dialled = Dialled(running_loop, server.address)
    dialled.ups.get(timeout=10)
    replies: Queue[Any] = Queue()
    running_loop.do(lambda: dialled.channel.call("cancel_attempt", "a", 1, timeout_s=60, on_reply=replies.put))
    server.handler.laters.get(timeout=5)
    server.close()
    assert isinstance(replies.get(timeout=5), Unreachable)
    assert isinstance(dialled.went_down_once(), Unreachable)


def test_nobody_listening_and_no_such_host_end_the_channel(running_loop: RunningLoop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    refused = Dialled(running_loop, address).went_down_once()
    assert isinstance(refused, Unreachable) and f"127.0.0.1:{address[1]} is not reachable" in str(refused)
    unknown = Dialled(running_loop, ("no-such-host.invalid", 1)).went_down_once()
    assert isinstance(unknown, Unreachable) and "no-such-host.invalid:1" in str(unknown)


def test_a_peer_that_accepts_and_says_nothing_times_out(running_loop: RunningLoop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dialled = Dialled(running_loop, listener.getsockname(), connect_timeout_s=0.2)
        assert isinstance(dialled.went_down_once(), TimedOut)


def test_a_node_of_another_protocol_is_refused_naming_both(serve: Serve, running_loop: RunningLoop) -> None:
    error = Dialled(running_loop, serve().address, Hello(99, "coordinator", "9.9")).went_down_once()
    assert isinstance(error, Refused) and "protocol 99, this side 1" in str(error)

    def answer(frame: memoryview) -> bytes:
        return good_reply(frame).replace(b"\x08\0\1\0\0\0\1", b"\x08\0\1\0\0\0\x63")

    with serve_raw(answer) as address:
        error = Dialled(running_loop, address).went_down_once()
    assert isinstance(error, Refused) and "protocol 99, this side 1" in str(error)


def test_closing_before_it_is_up_ends_it_once(running_loop: RunningLoop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for host in ("127.0.0.1", "localhost"):
            dialled = Dialled(running_loop, (host, listener.getsockname()[1]))
            dialled.close()
            assert "was closed" in str(dialled.went_down_once())
    assert dialled.ups.empty()


def test_a_control_channel_takes_no_large_answer(serve: Serve, running_loop: RunningLoop) -> None:
    server = serve()
    server.handler.blobs["b"] = bytes(2 * SMALL_FRAME_BYTES)
    dialled = Dialled(running_loop, server.address, Hello(PROTOCOL_VERSION, "coordinator", connection="control"))
    dialled.ups.get(timeout=10)
    reply = dialled.call("get_blob", "b", 0, 2 * SMALL_FRAME_BYTES)
    assert isinstance(reply, ProtocolError)
    assert "above the limit" in str(dialled.went_down_once())
