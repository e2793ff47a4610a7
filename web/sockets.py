"""WebSockets, as uvicorn serves them, which leaves open what is none: nobody would ever look at it again."""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from web.problems import problem

_NOT_TEXT = 1007


class Sockets(WebSocketsSansIOProtocol):
    """One connection. It begins with the whole head of a request, which another protocol has read already."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            self.handshake_complete = True  # nobody is to be told of its end
            answer = problem(400, "bad_request", f"this opens no WebSocket: {self.conn.handshake_exc}")
            head = b"".join(b"%s: %s\r\n" % each for each in [*answer.raw_headers, (b"connection", b"close")])
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + bytes(answer.body))
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """Hand over a message; what is no text ends the connection, and is no bug of ours to be logged."""
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self.frames = []
            self.conn.send_close(_NOT_TEXT)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
