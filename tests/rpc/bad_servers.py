"""Servers that do not keep to the protocol: each answers the bytes of a call with bytes of its own choice."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from struct import pack
from threading import Thread

from rpc.codec import decode_call, encode_result
from rpc.messages import PROTOCOL_VERSION, HelloReply, NodeStatus
from rpc.services import COMPUTE_NODE

Answer = Callable[[memoryview], bytes]
PATIENCE_S = 20.0


@contextmanager
def serve_raw(answer: Answer) -> Iterator[tuple[str, int]]:
    """Serve connections, one after another; each frame gets the bytes of `answer`, and no bytes end it."""
    listener = socket.create_server(("127.0.0.1", 0))
    thread = Thread(target=_serve, args=(listener, answer))
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        listener.shutdown(socket.SHUT_RDWR)  # close() alone leaves accept() blocked
        listener.close()
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the raw server did not end"


def _serve(listener: socket.socket, answer: Answer) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        with sock, suppress(ConnectionError), sock.makefile("rb") as stream:
            while header := stream.read(4):
                reply = answer(memoryview(stream.read(int.from_bytes(header, "big"))))
                if not reply:
                    break
                sock.sendall(reply)


def good_reply(frame: memoryview, *, shift: int = 0) -> bytes:
    """The right answer to hello or status, with its number shifted."""
    call = decode_call(COMPUTE_NODE, frame)
    value = NodeStatus() if call.method.name == "status" else HelloReply(PROTOCOL_VERSION, "raw")
    return b"".join(bytes(piece) for piece in encode_result(call.method, call.seqid + shift, value))


def after_hello(answer: Answer) -> Answer:
    """Answer hello well and everything else with `answer`."""

    def choose(frame: memoryview) -> bytes:
        is_hello = decode_call(COMPUTE_NODE, frame).method.name == "hello"
        return good_reply(frame) if is_hello else answer(frame)

    return choose


WRONG_ANSWERS: dict[str, Answer] = {
    "the number of another call": lambda frame: good_reply(frame, shift=-1),
    "garbage": lambda frame: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "another method": lambda frame: good_reply(frame).replace(b"status", b"survey"),
    "two replies": lambda frame: good_reply(frame) * 2,
    "a frame above the limit": lambda frame: pack("!I", 0x7FFFFFFF),
    "bytes left over": lambda frame: pack("!I", len(good_reply(frame)) - 3) + good_reply(frame)[4:] + b"\0",
    "a call": lambda frame: pack("!I", len(frame)) + bytes(frame),
    "half a reply, then the end": lambda frame: b"",
}
