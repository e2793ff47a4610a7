"""A head is looked at as it comes, each byte once, and refused as soon as two readers could differ about it."""

from __future__ import annotations

import time

import h11
import pytest

from web.patience import HEAD_BYTES
from web.strict import StrictConnection

GOOD = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a b\r\n\r\n"
BAD = (
    b"GET / HTTP/1.1\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: local\rhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n folded: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: local\0host\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
)


def fed(connection: StrictConnection, data: bytes, step: int) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
    """Return what becomes of a head that comes in pieces."""
    event: h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED] = h11.NEED_DATA
    for start in range(0, len(data), step):
        connection.receive_data(data[start : start + step])
        event = connection.next_event()
    return event


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_in_whatever_pieces_a_head_comes_it_is_judged_alike(step: int) -> None:
    connection = StrictConnection(HEAD_BYTES)
    for _ in range(2):
        assert isinstance(fed(connection, GOOD, step), h11.Request)
        assert isinstance(connection.next_event(), h11.EndOfMessage)
        connection.send(h11.Response(status_code=204, headers=[]))
        connection.send(h11.EndOfMessage())
        connection.start_next_cycle()
    for bad in BAD:
        with pytest.raises(h11.RemoteProtocolError):
            fed(StrictConnection(HEAD_BYTES), bad, step)


def test_single_bytes_of_a_long_head_cost_little() -> None:
    connection = StrictConnection(HEAD_BYTES)
    connection.receive_data(b"GET / HTTP/1.1\r\nX: " + b"a" * 60_000)
    connection.next_event()
    began = time.process_time()
    for _ in range(2000):
        connection.receive_data(b"a")
        connection.next_event()
    assert time.process_time() - began < 0.5  # looked at as a whole each time it is more than a second
