"""Who connects and then says nothing is not waited for, and who says nonsense is told so, whatever else goes on."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol

from rpc.bad_peers import BadPeers
from web.problems import problem
from web.strict import StrictConnection

HEAD_S = 30.0  # from the connection, or the first byte of a further request, to the end of the head
HEAD_BYTES = 64 << 10
TAKEN_S, _SLOWEST = 30.0, 10_000  # in which what is sent must be taken: so long, and bytes a second
_TOO_LARGE = 431
_MOST_WORDS = 200  # of what is wrong: it may quote what was sent

_quiet = logging.getLogger("uvicorn.error.requests")  # uvicorn has a line for each request that makes no sense
_quiet.setLevel(logging.ERROR)
logging.getLogger("python_multipart").setLevel(logging.ERROR)  # the same for forms
_bad_peers = BadPeers()


class Patient(H11Protocol):
    """One connection, closed when it keeps us waiting: uvicorn itself would wait for ever."""

    _deadline: asyncio.TimerHandle | None = None
    _taken_by: asyncio.TimerHandle | None = None

    def __init__(self, config: Config, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self.logger = _quiet
        self._strict = self.conn = StrictConnection(config.h11_max_incomplete_event_size or HEAD_BYTES)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        self._is_taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """More waits to be taken than is kept: whoever takes too little keeps it, and the connection, for ever."""
        super().pause_writing()
        patience_s = TAKEN_S + self.transport.get_write_buffer_size() / _SLOWEST
        self._taken_by = self.loop.call_later(patience_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._is_taken()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # What comes after an answer is the rest of a body that nobody reads.
        if self.conn.their_state is h11.IDLE or self.conn.our_state is h11.DONE:
            self._wait()
        else:
            self._wait_no_more()

    def send_400_response(self, msg: str) -> None:
        """End a connection on which something came that is no request, with an answer if none has begun."""
        cycle, fault = self.cycle, self._strict.fault
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # whoever works on an answer to what came before must not send it any more
            cycle.message_event.set()
        host, why = self.client[0] if self.client else "somebody", str(fault or msg)[:_MOST_WORDS]
        _bad_peers.note(host, f"{host} sends what is no HTTP request: {why}", self.loop.time())
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            status = _TOO_LARGE if fault and fault.error_status_hint == _TOO_LARGE else 400
            answer = problem(status, "bad_request", f"this is no HTTP request that is served here: {why}")
            head = h11.Response(
                status_code=status,
                reason=HTTPStatus(status).phrase,
                headers=[*answer.raw_headers, (b"connection", b"close")],
            )
            for event in (head, h11.Data(bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def shutdown(self) -> None:
        """The server ends: what is only half here is not waited for."""
        super().shutdown()
        if self.conn.their_state is h11.SEND_BODY:
            self.transport.close()

    def _wait(self) -> None:
        """Begin to wait, unless that is so already: single bytes win no time."""
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self.transport.close)

    def _is_taken(self) -> None:
        if self._taken_by is not None:
            self._taken_by.cancel()
            self._taken_by = None

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
