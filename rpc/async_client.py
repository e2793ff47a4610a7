"""The calling side in an asyncio program: one connection, one call at a time, closed for good at the first error."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from random import getrandbits
from struct import Struct
from typing import Any, Self

from rpc.codec import decode_reply, encode_call
from rpc.errors import ProtocolError, TaskRejected, TimedOut, TrainerError, Unreachable
from rpc.greeting import check_hello_reply
from rpc.messages import MAX_FRAME_BYTES, Hello, HelloReply
from rpc.services import Service

_LENGTH = Struct("!I")


class AsyncClient:
    """Calls one server. A binary above BULK_BYTES in a result is a memoryview of memory that is nobody else's.

    Attributes:
        is_closed: it is of no use any more; make another.
        greeting: what the server said to our hello.
    """

    greeting: HelloReply

    def __init__(
        self, address: str, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.address = address
        self.is_closed = False
        self._service = service
        self._reader = reader
        self._writer = writer
        self._seqid = getrandbits(30)

    @classmethod
    async def connect(
        cls,
        address: tuple[str, int],
        service: Service,
        hello: Hello,
        *,
        timeout_s: float,
        tls: ssl.SSLContext | None = None,
        local_socket: str = "",
    ) -> Self:
        """Open a connection, to the Unix socket of that path if one is given, else inside `tls`, and say hello.

        Raises:
            Unreachable: nobody listens there, or no such host.
            TimedOut: no answer in time.
            Refused: either side does not want the other.
        """
        name = f"{address[0]}:{address[1]}"
        try:
            async with asyncio.timeout(timeout_s):
                if local_socket:
                    reader, writer = await asyncio.open_unix_connection(local_socket)
                else:
                    reader, writer = await asyncio.open_connection(*address, ssl=tls)
        except TimeoutError as error:
            raise TimedOut(f"{name} did not answer in time") from error
        except OSError as error:
            raise Unreachable(f"{name} is not reachable: {error.strerror or error}") from error
        client = cls(name, service, reader, writer)
        try:
            client.greeting = await client.call("hello", hello, timeout_s=timeout_s)
            check_hello_reply(client.greeting, name)
        except TrainerError:
            client.close()
            raise
        return client

    @property
    def is_over(self) -> bool:
        """Whether it is closed, or the server has closed it."""
        return self.is_closed or self._writer.is_closing() or self._reader.at_eof()

    async def call(self, name: str, *args: Any, timeout_s: float) -> Any:
        """Call a method; return its result. Whoever is cancelled meanwhile closes the connection.

        Args:
            timeout_s: seconds until the whole answer is here.

        Raises:
            TrainerError, TaskRejected: what the server answered.
            Unreachable, TimedOut, ProtocolError: the call failed and the connection is closed.
        """
        method = self._service.methods[name]
        self._seqid = (self._seqid + 1) & 0x7FFFFFFF
        pieces = encode_call(method, self._seqid, args)
        try:
            async with asyncio.timeout(timeout_s):
                if self._writer.is_closing():  # it was reset while idle: Python 3.12 and 3.13 fail to write with a bug
                    raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
                self._writer.writelines(pieces)
                frame = await self._frame()
            return decode_reply(method, self._seqid, frame)
        except TimeoutError as error:
            self.close()
            raise TimedOut(f"{self.address} did not answer {name} in time") from error
        except (OSError, EOFError) as error:
            self.close()
            raise Unreachable(f"lost {self.address} during {name}: {_words(error)}") from error
        except ProtocolError as error:
            self.close()
            raise ProtocolError(f"{self.address}: {error}") from error
        except (TrainerError, TaskRejected):
            raise  # an answer: the connection is in order
        except BaseException:  # cancelled: the answer may still come, and must not reach the next call
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; nothing is waited for."""
        self.is_closed = True
        self._writer.transport.abort()

    async def _frame(self) -> memoryview:
        """The next frame, without its length."""
        (size,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
        if size > MAX_FRAME_BYTES:
            raise ProtocolError(f"a frame of {size} bytes is above the limit of {MAX_FRAME_BYTES}")
        return memoryview(await self._reader.readexactly(size))


def _words(error: OSError | EOFError) -> str:
    return (isinstance(error, OSError) and error.strerror) or "closed by the other side"
