"""Framed connections on the loop: non-blocking sockets with deadlines, each closed at its first error."""

from __future__ import annotations

import socket
from collections.abc import Callable

from rpc.deadlines import Deadlines
from rpc.errors import ProtocolError, TrainerError, Unreachable
from rpc.framing import FrameReader, SendQueue, Stream
from rpc.idle_buffer import IdleBuffer
from rpc.loop import READ, WRITE, Loop
from rpc.messages import Buffer
from rpc.sockets import peer_name, tune
from rpc.tls import Tls, TlsSocket

STALL_S = 30.0
_FRAMES_A_TURN = 4  # of one connection: who sends thousands at once must let others be heard in between


class Connection:
    """One peer: frames in by `on_frame`, buffers out by `send`.

    `on_frame(frame)` gets a frame that is valid until it returns; one above BULK_BYTES stays valid as long as
    `hold` is on or the answer to it is being sent. While something is being sent no frame is delivered, and
    none between `hold` and `release`: a peer that calls and waits is never affected, one that does not is
    made to wait.

    `on_closed(reason)` is called exactly once, inside the call or event that closes the connection.

    A frame must be whole `stall_s` seconds after its first byte came, and while something waits to be sent
    the peer must take some of it in every such time; else the connection is closed.

    With `tls` it shakes hands first; how long that may take is the owner's affair, as with a silent peer.

    Attributes:
        peer: "host:port".
        max_frame_bytes: limit of incoming frames; may be changed between frames.
        bytes_sent, bytes_received: counters, frame headers included, TLS not.
    """

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        *,
        on_frame: Callable[[memoryview], None],
        on_closed: Callable[[TrainerError], None],
        max_frame_bytes: int,
        stall_s: float = STALL_S,
        tls: Tls | None = None,
    ) -> None:
        tune(sock)
        self.peer = peer_name(sock)
        self.bytes_sent = self.bytes_received = 0
        self.closed = False
        self._loop = loop
        self._deadlines = Deadlines(loop, stall_s, self.peer, self.close)
        self._sock = sock
        self._on_frame = on_frame
        self._on_closed = [on_closed]
        self._reader = FrameReader(max_frame_bytes, loop.scratch)
        self._idle_buffer = IdleBuffer(loop, self._reader, lambda: self.bytes_received)
        self._queue = SendQueue()
        self._held = False
        self._sending = False  # the queue is not empty
        self._deaf = False  # bytes wait that must not be read yet
        self._behind = False  # frames wait that are delivered in the loop's next turn
        self._last_words: TrainerError | None = None  # close with this once all is sent
        self._watched = READ
        self._tls = TlsSocket(sock, tls, loop.scratch) if tls else None
        self._stream: Stream = self._tls or sock
        loop.register(sock, READ, self._shake_hands if self._tls else self._on_ready)
        if self._tls:
            loop.post(lambda: self._shake_hands(0))

    @property
    def max_frame_bytes(self) -> int:
        return self._reader.max_frame_bytes

    @max_frame_bytes.setter
    def max_frame_bytes(self, limit: int) -> None:
        self._reader.max_frame_bytes = limit

    @property
    def is_sending(self) -> bool:
        """Whether something waits to be sent."""
        return self._sending and not self.closed

    def send(self, buffers: list[Buffer]) -> None:
        """Send the buffers, as far as possible now; they must not change until sent. Nothing if closed."""
        if self.closed:
            return
        try:
            self.bytes_sent += self._queue.send(self._stream, buffers)
        except OSError as error:
            self.close(self._lost(error))
            return
        if self._queue:
            self._sending = True
            self._flush()

    def hand_over(self, on_frame: Callable[[memoryview], None], on_closed: Callable[[TrainerError], None]) -> None:
        """Give frames to another owner from now on; the one before hears of the end, too, and first."""
        self._on_frame = on_frame
        self._on_closed.append(on_closed)

    def hold(self) -> None:
        """Deliver no further frame until `release`; the peer's end is still noticed."""
        self._held = True

    def release(self) -> None:
        """Deliver frames again."""
        self._held = False
        self._listen()

    def give_back_memory(self) -> None:
        """Keep no large buffer for the next frame, since none is due soon; a view of the last one stays valid."""
        self._reader.release()

    def close(self, reason: TrainerError | None = None) -> None:
        """Close now; what is not sent is lost. Harmless when closed."""
        if self.closed:
            return
        self.closed = True
        self._deadlines.cancel()
        self._idle_buffer.forget()
        if self._watched:
            self._loop.unregister(self._sock)
        if self._tls is not None:
            self._tls.say_goodbye()
            self._tls.forget()
        self._sock.close()
        # Who tells and who is told may refer to each other: what is large must not wait for the garbage collector.
        self._queue.clear()
        self._reader.clear()
        for tell in self._on_closed:
            tell(reason or Unreachable(f"the connection to {self.peer} was closed"))

    def finish(self, reason: TrainerError) -> None:
        """Close once everything is sent; deliver nothing more."""
        self._held = True
        self._last_words = reason
        if not self._sending:
            self.close(reason)

    def _shake_hands(self, _events: int) -> None:
        assert self._tls is not None
        if self.closed or self._tls.is_ready:
            return
        try:
            is_ready = self._tls.handshake()
        except OSError as error:
            self.close(self._lost(error))
        except TrainerError as error:
            self.close(type(error)(f"{self.peer}: {error}"))
        else:
            if is_ready:
                self._loop.modify(self._sock, READ, self._on_ready)
                self._flush()

    def _on_ready(self, events: int) -> None:
        if events & WRITE and not self.closed:
            self._flush()
        if events & READ and not self.closed:
            self._read()

    def _read(self) -> None:
        if self._behind:
            self._deaf = True
            self._watch()
            return
        if self._is_waiting:
            self._look_ahead()
            return
        try:
            count = self._stream.recv_into(self._reader.room())
        except BlockingIOError:
            return
        except OSError as error:
            self.close(self._lost(error))
            return
        if not count:
            self.close(Unreachable(f"{self.peer} closed the connection"))
            return
        self.bytes_received += count
        self._reader.take(count)
        self._deliver()
        if self._is_pending:
            self._loop.post(self._read_on)

    def _read_on(self) -> None:
        if self._is_pending and not (self._is_waiting or self.closed):
            self._read()

    @property
    def _is_pending(self) -> bool:
        """Whether something is decrypted already: the socket says nothing of that."""
        return self._tls is not None and self._tls.pending

    def _deliver(self) -> None:
        reader, left = self._reader, _FRAMES_A_TURN
        try:
            while reader.waiting and not (self._is_waiting or self.closed):
                if not left:
                    self._fall_behind()
                    break
                frame = reader.frame()
                if frame is None:
                    break
                left -= 1
                self._on_frame(frame)
        except ProtocolError as error:
            self.close(ProtocolError(f"{self.peer}: {error}"))
        if not self.closed and (reader.waiting or reader.is_large or self._deadlines.awaits_frame):
            self._set_read_timers()

    def _fall_behind(self) -> None:
        """Deliver what waits in the next turn, and read no more before: there may be no room for it."""
        self._behind = True
        self._loop.post(self._catch_up)

    def _catch_up(self) -> None:
        self._behind = False
        self._deliver()
        if self._deaf and not (self.closed or self._is_waiting):
            self._deaf = False
            self._watch()
        self._read_on()

    @property
    def _is_waiting(self) -> bool:
        """Whether what comes next must not be delivered yet."""
        return self._held or self._sending or self._behind

    def _set_read_timers(self) -> None:
        self._deadlines.await_frame(bool(self._reader.waiting) and not self._is_waiting)
        if self._reader.is_large:
            self._idle_buffer.watch()

    def _look_ahead(self) -> None:
        """Learn whether the peer has gone without taking its next bytes."""
        try:
            waiting = self._tls.peek() if self._tls else self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError as error:
            self.close(self._lost(error))
            return
        if waiting:
            self._deaf = True
            self._watch()
        else:
            self.close(Unreachable(f"{self.peer} closed the connection"))

    def _listen(self) -> None:
        if self.closed or self._is_waiting:
            return
        if self._reader.waiting or self._deaf or self._is_pending:
            self._fall_behind()

    def _flush(self) -> None:
        if self._tls is not None and not self._tls.is_ready:
            return
        try:
            while self._queue:
                self.bytes_sent += self._queue.flush(self._stream)
        except BlockingIOError:
            self._deadlines.await_progress(lambda: self.bytes_sent)
            self._watch()
            return
        except OSError as error:
            self.close(self._lost(error))
            return
        self._sent_all()

    def _sent_all(self) -> None:
        self._sending = False
        if self._last_words is not None:
            self.close(self._last_words)
            return
        if self._deadlines.all_is_sent():
            self._watch()
        self._listen()

    def _watch(self) -> None:
        wanted = (0 if self._deaf else READ) | (WRITE if self._sending else 0)
        if wanted == self._watched:
            return
        if not wanted:
            self._loop.unregister(self._sock)
        elif not self._watched:
            self._loop.register(self._sock, wanted, self._on_ready)
        else:
            self._loop.modify(self._sock, wanted, self._on_ready)
        self._watched = wanted

    def _lost(self, error: OSError) -> Unreachable:
        return Unreachable(f"lost the connection to {self.peer}: {error.strerror or error}")
