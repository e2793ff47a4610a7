"""Tests of framing: frames arrive whole however their bytes are cut; all else is refused at once."""

from __future__ import annotations

import os
import socket
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rpc.framing
from rpc.convert import BULK_BYTES
from rpc.errors import ProtocolError
from rpc.framing import KEEP_BYTES, FrameReader, SendQueue, new_buffer
from rpc.messages import Buffer

LIMIT = 4 << 20
START = b"\x80\x01\x00\x01"


def reader(limit: int = LIMIT, scratch_bytes: int = 256 << 10) -> FrameReader:
    return FrameReader(limit, new_buffer(scratch_bytes))


def feed(target: FrameReader, data: bytes) -> list[bytes]:
    """Have the reader receive all of `data` as fast as its room allows; returns the frames."""
    frames = []
    while data:
        room = target.room()
        count = min(len(room), len(data))
        room[:count] = data[:count]
        target.take(count)
        data = data[count:]
        while (frame := target.frame()) is not None:
            frames.append(bytes(frame))
    return frames


def framed(payload: bytes) -> bytes:
    return pack("!I", len(payload)) + payload


def payloads(max_size: int) -> st.SearchStrategy[bytes]:
    return st.integers(13, max_size).map(lambda size: START + bytes(index % 251 for index in range(size - 4)))


SIZES = st.one_of(payloads(100), payloads(3 * BULK_BYTES))


@given(messages=st.lists(SIZES, min_size=1, max_size=4), data=st.data())
def test_frames_cut_at_any_bytes_arrive_whole(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(framed(message) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    target = reader(scratch_bytes=data.draw(st.sampled_from([64, 5000, 256 << 10])))
    frames = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        frames += feed(target, stream[start:end])
    assert frames == messages
    assert not target.waiting


@given(first=st.lists(payloads(200), min_size=2, max_size=3), second=payloads(200))
def test_readers_share_the_scratch_buffer_and_keep_nothing_in_it(first: list[bytes], second: bytes) -> None:
    scratch = new_buffer(1000)
    one, other = FrameReader(LIMIT, scratch), FrameReader(LIMIT, scratch)
    stream = b"".join(framed(message) for message in first)[:900]
    frames = feed(one, stream[:-5])
    assert feed(other, framed(second)) == [second]
    assert [*frames, *feed(one, b"".join(framed(message) for message in first)[len(stream) - 5 :])] == first


def test_a_large_frame_stays_valid_while_the_start_of_the_next_one_waits() -> None:
    large, small = START + os.urandom(3 * BULK_BYTES), START + os.urandom(20)
    target = reader()
    stream = framed(large) + framed(small)
    target.room()[: len(stream)] = stream
    target.take(len(stream))
    kept = target.frame()
    assert bytes(target.frame() or b"") == small
    assert kept is not None and bytes(kept) == large


def test_a_large_buffer_is_used_again_and_given_back_when_idle() -> None:
    target = reader()
    message = START + bytes(KEEP_BYTES)
    assert feed(target, framed(message)) == [message]
    assert target.is_large
    room = target.room()
    assert len(room) >= len(message) + 4  # the next one is received straight into it
    assert feed(target, framed(message)) == [message]
    assert target.room().obj is room.obj
    target.take(1)
    target.release()
    assert target.is_large  # a byte waits in it
    target.waiting = 0
    target.release()
    assert not target.is_large
    assert feed(target, framed(message)) == [message]


def test_a_frame_at_the_limit_passes_and_one_above_it_is_refused_by_its_first_four_bytes() -> None:
    message = START + bytes(996)
    assert feed(reader(limit=1000), framed(message)) == [message]
    with pytest.raises(ProtocolError, match="1001 bytes is above the limit of 1000"):
        feed(reader(limit=1000), pack("!I", 1001))


@pytest.mark.parametrize(
    ("noise", "name"),
    [
        (b"GET / HTTP/1.1\r\n", "HTTP came"),
        (b"POST /x HTTP/1.1\r\n", "HTTP came"),
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP answered; this is no Roundhouse port"),
        (b"<!DOCTYPE HTML>", "HTTP answered"),
        (b"<html>", "HTTP answered"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH came"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "TLS came"),
        (b"\x80\x01\x00\x01\x00\x00\x00\x05hello", "unframed Thrift came"),
        (b"\x00\x00\x00\x00", "too short"),
        (b"\x00\x00\x00\x0c", "too short"),
        (b"\xff\xff\xff\xff", "above the limit"),
        (b"\x00\x00\x00\x20\x00\x00\x00\x05hello", "does not begin like"),
    ],
)
def test_what_is_no_frame_of_ours_is_named_and_refused_at_once(noise: bytes, name: str) -> None:
    with pytest.raises(ProtocolError, match=name):
        feed(reader(), noise)


@pytest.mark.parametrize("has_sendmsg", [True, False])
def test_pieces_arrive_in_order_through_partial_sends(monkeypatch: pytest.MonkeyPatch, has_sendmsg: bool) -> None:
    monkeypatch.setattr(rpc.framing, "_HAS_SENDMSG", has_sendmsg)
    pieces: list[Buffer] = [
        b"head",
        os.urandom(700_000),
        b"",
        memoryview(bytearray(b"middle")),
        *[b"x" * 10] * 200,
        os.urandom(50),
    ]
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        queue = SendQueue()
        sent = queue.send(near, pieces)
        received = bytearray()
        while queue:
            try:
                sent += queue.flush(near)
            except BlockingIOError:
                received += far.recv(100_000)
        near.close()
        while data := far.recv(1 << 20):
            received += data
    assert received == b"".join(bytes(piece) for piece in pieces)
    assert sent == len(received)
