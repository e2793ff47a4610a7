"""Which bytes are a request: what two readers could take for two different things is refused before it is read.

A proxy before us that took a doubtful head otherwise than we do would let one request hide in another (request
smuggling). h11 forgives several of them, as its RFC allows.
"""

from __future__ import annotations

import re
from collections import Counter

import h11

MOST_HEADERS = 100
_TOO_LARGE = 431
_END = b"\r\n\r\n"
_ODD = re.compile(rb"(?<!\r)\n|\r(?=[^\n])|\n[ \t]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ONCE = (b"content-length", b"transfer-encoding", b"host")
_VERSIONS = (b"1.0", b"1.1")


class StrictConnection(h11.Connection):
    """As h11 has it, and stricter. Attributes: fault, why no more requests are read from it."""

    def __init__(self, most_head_bytes: int) -> None:
        super().__init__(h11.SERVER, most_head_bytes)
        self.fault: h11.RemoteProtocolError | None = None
        self._most_head_bytes = most_head_bytes
        self._looked_at = 0  # bytes of the head that comes: one that comes byte by byte is not read anew each time

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            if self.their_state is h11.IDLE:
                self._check_head(self.trailing_data[0])
            event = super().next_event()
            if isinstance(event, h11.Request):
                self._looked_at = 0
            if isinstance(event, h11.Request) and event.http_version not in _VERSIONS:
                raise h11.RemoteProtocolError("HTTP is spoken here in its versions 1.0 and 1.1")
        except h11.RemoteProtocolError as error:
            self.fault = error
            raise
        return event

    def _check_head(self, data: bytes) -> None:
        """`data` begins with a head, or with a part of one."""
        end = data.find(_END, max(0, self._looked_at - len(_END)))
        head = data if end < 0 else data[: end + 2]
        since, self._looked_at = max(0, self._looked_at - 1), len(head)
        if _ODD.search(head, since):
            raise h11.RemoteProtocolError("in a head lines end with CR LF, none goes on in the next, and all is text")
        if len(head) > self._most_head_bytes:
            raise h11.RemoteProtocolError("the head is too long", _TOO_LARGE)
        if head.count(b"\n") > 1 + MOST_HEADERS:
            raise h11.RemoteProtocolError(f"a head has {MOST_HEADERS} headers at most", _TOO_LARGE)
        if end >= 0:
            _check_framing(head)


def _check_framing(head: bytes) -> None:
    """Where the body ends must be said once, and in one way."""
    named = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in head.split(b"\r\n"))]
    found = Counter(name for name, _ in named)
    for name in _ONCE:
        if found[name] > 1:
            raise h11.RemoteProtocolError(f"{name.decode()} is there more than once")
    if found[b"content-length"] and found[b"transfer-encoding"]:
        raise h11.RemoteProtocolError("content-length and transfer-encoding contradict each other")
    if found[b"content-length"] and not dict(named)[b"content-length"].isdigit():
        raise h11.RemoteProtocolError("content-length is no number")
