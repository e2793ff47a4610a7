"""The stock pure-Python binary protocol over memory: large binaries go in and out by reference.

The C codec copies a binary three times, a byte at a time, with the interpreter lock held; for a message of
megabytes the pure protocol is faster, because it never touches the bytes.
"""

from __future__ import annotations

from typing import Any

from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TType

from rpc.convert import BULK_BYTES
from rpc.errors import ProtocolError
from rpc.messages import MAX_FRAME_BYTES, Buffer

MAX_ITEMS = 100_000  # of one container, and of all that is skipped in one frame
_FIXED_BYTES = {
    TType.BOOL: 1,
    TType.BYTE: 1,
    TType.I16: 2,
    TType.I32: 4,
    TType.I64: 8,
    TType.DOUBLE: 8,
    TType.UUID: 16,
}
_MAX_DEPTH = 64


class BulkProtocol(TBinaryProtocol):  # type: ignore[misc]  # thrift has no types
    """Reads and writes the structs of a plan (see convert.py).

    A binary above BULK_BYTES is read as a memoryview of the frame, a smaller one as bytes.
    """

    def __init__(self, memory: GatherWriter | FrameSource) -> None:
        super().__init__(
            memory,
            strictRead=True,
            strictWrite=True,
            string_length_limit=MAX_FRAME_BYTES,
            container_length_limit=MAX_ITEMS,
        )
        self._skipped = 0

    def readString(self) -> str:
        return str(super().readBinary(), "utf-8")

    def readBinary(self) -> Buffer:
        view: memoryview = super().readBinary()
        return view if len(view) > BULK_BYTES else bytes(view)

    def writeBinary(self, data: Buffer) -> None:
        view = memoryview(data).cast("B")
        self.writeI32(len(view))
        self.trans.write(view)

    def readContainerStruct(self, codec: list[Any]) -> Any:
        return self.readStruct(codec[0], codec[1], is_immutable=True)

    def writeContainerStruct(self, value: Any, codec: list[Any]) -> None:
        self.writeStruct(value, codec[1])

    def readContainerList(self, spec: tuple[int, Any, bool]) -> Any:
        # The stock reader believes the spec and not the wire about the type of the items.
        (declared,) = self.trans.peek(1)
        if declared != spec[0]:
            raise ProtocolError(f"a list holds items of type {declared} instead of {spec[0]}")
        return super().readContainerList(spec)

    def skip(self, ttype: int, max_depth: int = _MAX_DEPTH) -> None:
        """Skip an unknown field; containers of numbers in one step, since item by item burns seconds."""
        self._skipped += 1
        if max_depth <= 0 or self._skipped > MAX_ITEMS:
            raise ProtocolError("unknown fields are nested too deep or too many")
        if ttype in (TType.LIST, TType.SET):
            kind, size = self.readListBegin()
            self._skip_items((kind,), size, max_depth - 1)
        elif ttype == TType.MAP:
            key, value, size = self.readMapBegin()
            self._skip_items((key, value), size, max_depth - 1)
        elif ttype in _FIXED_BYTES:
            self.trans.readAll(_FIXED_BYTES[ttype])
        elif ttype == TType.STRING:
            super().readBinary()
        else:
            super().skip(ttype, max_depth)

    def _skip_items(self, kinds: tuple[int, ...], size: int, max_depth: int) -> None:
        widths = [_FIXED_BYTES.get(kind) for kind in kinds]
        if None not in widths:
            self.trans.readAll(size * sum(width or 0 for width in widths))
            return
        for _ in range(size):
            for kind in kinds:
                self.skip(kind, max_depth)


class FrameSource:
    """What BulkProtocol reads from: one whole frame."""

    def __init__(self, frame: memoryview, start: int) -> None:
        self._frame = frame
        self._at = start

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._frame) - self._at

    def readAll(self, size: int) -> memoryview:
        start, self._at = self._at, self._at + size
        if self._at > len(self._frame):
            raise EOFError
        return self._frame[start : self._at]

    def peek(self, size: int) -> memoryview:
        """The next bytes, left unread."""
        return self._frame[self._at : self._at + size]


class GatherWriter:
    """What BulkProtocol writes to: a list of pieces for `sendmsg`, with large ones kept by reference."""

    def __init__(self, head: bytes) -> None:
        self._pieces: list[Buffer] = []
        self._open = bytearray(head)

    def write(self, data: Buffer) -> None:
        if len(data) <= BULK_BYTES:
            self._open += data
            return
        self._pieces += [self._open, data]
        self._open = bytearray()

    def pieces(self) -> list[Buffer]:
        """Everything written, in order."""
        return [*self._pieces, self._open]
