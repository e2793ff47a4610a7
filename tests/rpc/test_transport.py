"""Tests of connections on the loop: counters, holding back, closing once, and dead peers."""

from __future__ import annotations

import gc
import socket
from collections.abc import Iterator
from queue import Empty, Queue
from struct import pack
from weakref import ref

import pytest

from rpc.errors import ProtocolError, TimedOut, TrainerError, Unreachable
from rpc.transport import Connection
from tests.rpc.running import RunningLoop

START = b"\x80\x01\x00\x01"


class Ends:
    """A connection of the loop and the plain socket at its other end."""

    def __init__(self, running: RunningLoop, stall_s: float) -> None:
        self.running = running
        self.frames: Queue[bytes] = Queue()
        self.reasons: Queue[TrainerError] = Queue()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.far = socket.create_connection(listener.getsockname())
            near, _ = listener.accept()
        self.far.settimeout(10)
        self.near = running.do(lambda: self._connection(near, stall_s))

    def _connection(self, sock: socket.socket, stall_s: float) -> Connection:
        return Connection(
            self.running.loop,
            sock,
            on_frame=lambda frame: self.frames.put(bytes(frame)),
            on_closed=self.reasons.put,
            max_frame_bytes=1 << 20,
            stall_s=stall_s,
        )

    def ended_once(self) -> TrainerError:
        reason = self.reasons.get(timeout=10)
        self.running.do(self.near.close)
        with pytest.raises(Empty):
            self.reasons.get_nowait()
        return reason


@pytest.fixture
def ends(running_loop: RunningLoop) -> Iterator[Ends]:
    pair = Ends(running_loop, stall_s=0.2)
    yield pair
    running_loop.do(pair.near.close)
    pair.far.close()


def message(size: int) -> bytes:
    return pack("!I", size) + START + bytes(size - 4)


def test_bytes_are_counted_both_ways(ends: Ends) -> None:
    ends.far.sendall(message(100) + message(300_000))
    assert len(ends.frames.get(timeout=10)) == 100
    assert len(ends.frames.get(timeout=10)) == 300_000
    ends.running.do(lambda: ends.near.send([b"head", bytes(500_000)]))
    received = 0
    while received < 500_004:
        received += len(ends.far.recv(1 << 20))
    ends.running.do(lambda: None)
    assert (ends.near.bytes_received, ends.near.bytes_sent) == (300_108, 500_004)


def test_held_frames_come_after_release_and_the_end_is_seen_while_holding(ends: Ends) -> None:
    ends.running.do(ends.near.hold)
    ends.far.sendall(message(50) + message(60))
    with pytest.raises(Empty):
        ends.frames.get(timeout=0.3)  # longer than a frame may take: a held one is not late
    ends.running.do(ends.near.release)
    assert [len(ends.frames.get(timeout=10)) for _ in range(2)] == [50, 60]
    ends.running.do(ends.near.hold)
    ends.far.close()
    assert isinstance(ends.ended_once(), Unreachable)


def test_all_is_sent_before_finish_closes(ends: Ends) -> None:
    def send_and_finish() -> None:
        ends.near.send([bytes(3 << 20), b"!"])
        ends.near.finish(ProtocolError("bye"))

    ends.running.do(send_and_finish)
    received = 0
    while data := ends.far.recv(1 << 20):
        received += len(data)
    assert received == (3 << 20) + 1
    assert str(ends.ended_once()) == "bye"
    ends.running.do(lambda: ends.near.send([b"into nothing"]))


def test_a_peer_that_takes_nothing_or_never_finishes_is_late(ends: Ends, running_loop: RunningLoop) -> None:
    ends.running.do(lambda: ends.near.send([bytes(64 << 20)]))
    assert "took no bytes for 0.2 s" in str(ends.ended_once())
    other = Ends(running_loop, stall_s=0.2)
    other.far.sendall(message(100)[:50])
    reason = other.ended_once()
    assert isinstance(reason, TimedOut) and "did not finish a message within 0.2 s" in str(reason)
    other.far.close()


def test_a_reset_ends_the_connection(ends: Ends) -> None:
    ends.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
    ends.far.close()
    assert isinstance(ends.ended_once(), Unreachable)


def test_the_buffer_of_a_closed_connection_is_gone_at_once(ends: Ends) -> None:
    buffers: Queue[ref[object]] = Queue()
    ends.near.hand_over(lambda frame: buffers.put(ref(frame.obj)), lambda reason: None)
    gc.disable()
    try:
        ends.far.sendall(message(300_000))
        buffer = buffers.get(timeout=10)
        assert buffer() is not None
        ends.running.do(ends.near.close)
        assert buffer() is None
    finally:
        gc.enable()


def test_a_large_buffer_that_is_given_back_is_made_anew(ends: Ends) -> None:
    ends.near.max_frame_bytes = 2 << 20
    for size in (2 << 20, 2 << 20):
        ends.far.sendall(message(size))
        assert len(ends.frames.get(timeout=10)) == size
        ends.running.do(ends.near.give_back_memory)
