"""Where the binaries of an encoded message lie, so that large ones go around Thrift's C codec.

The C codec copies a binary three times, a byte at a time, with the interpreter lock held. So a message with a large
one is encoded without it, and it is put in afterwards, by reference; and it is cut out before the rest is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import TypeAlias

from thrift.Thrift import TType

from rpc.errors import ProtocolError
from rpc.messages import Buffer

MAX_ITEMS = 100_000  # of one container, and of all that is looked at one by one in what somebody asks
MAX_REPLY_ITEMS = 500_000  # of an answer: the longest run has 20,000 rounds of 18 figures
_MAX_DEPTH = 64
_FIELD, _WORD, _LIST, _MAP = Struct("!h"), Struct("!i"), Struct("!bi"), Struct("!bbi")
_FIXED_BYTES = {
    TType.BOOL: 1,
    TType.BYTE: 1,
    TType.I16: 2,
    TType.I32: 4,
    TType.I64: 8,
    TType.DOUBLE: 8,
    TType.UUID: 16,
}

Path: TypeAlias = tuple[str, ...]  # names of fields, from the message inwards


@dataclass(frozen=True, slots=True)
class Layout:
    """Which fields of a struct are binaries, and which are structs that have some; by number, with their names."""

    binaries: Mapping[int, str]
    structs: Mapping[int, tuple[str, Layout]]


NO_BINARIES = Layout({}, {})


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a binary lie; its length word is before them."""

    path: Path
    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


def places(message: Buffer, start: int, layout: Layout, most: int = MAX_REPLY_ITEMS) -> list[Place]:
    """The binaries of the struct that begins at `start`, in order; of a field that comes twice both.

    Args:
        most: how many fields and items are looked at, at most.

    Raises:
        ProtocolError, IndexError, struct.error: these are no bytes of a struct.
    """
    return _Search(message, most).places(start, layout)


def without(message: memoryview, start: int, gaps: list[Place]) -> bytes:
    """The message from `start` on with these binaries empty."""
    return b"".join(_around(message, start, gaps))


def _around(message: memoryview, start: int, gaps: list[Place]) -> Iterator[Buffer]:
    for gap in gaps:
        yield message[start : gap.start - _WORD.size]
        yield b"\0\0\0\0"
        start = gap.end
    yield message[start:]


def with_filled(message: bytes, gaps: list[Place], binaries: Mapping[Path, memoryview]) -> list[Buffer]:
    """The pieces of the message with its gaps, which are empty binaries, filled."""
    pieces: list[Buffer] = []
    start = 0
    for gap in gaps:
        view = binaries[gap.path]
        pieces += [message[start : gap.start - _WORD.size] + _WORD.pack(len(view)), view]
        start = gap.start
    return [*pieces, message[start:]]


class _Search:
    """One pass over one message."""

    def __init__(self, message: Buffer, most: int) -> None:
        self._message = message
        self._most = most
        self._found: list[Place] = []
        self._passed = 0

    def places(self, start: int, layout: Layout) -> list[Place]:
        self._struct(start, layout, (), _MAX_DEPTH)
        return self._found

    def _struct(self, at: int, layout: Layout, path: Path, depth: int) -> int:
        """Go through a struct; return where it ends."""
        message = self._message
        while (kind := message[at]) != TType.STOP:
            self._count(1)
            (number,) = _FIELD.unpack_from(message, at + 1)
            at += 3
            if kind == TType.STRING:
                end = self._string(at)
                name = layout.binaries.get(number)
                if name is not None:
                    self._found.append(Place((*path, name), at + _WORD.size, end - at - _WORD.size))
                at = end
            elif kind == TType.STRUCT:
                name, inside = layout.structs.get(number, ("", NO_BINARIES))
                at = self._struct(at, inside, (*path, name), _one_deeper(depth))
            else:
                at = self._value(kind, at, depth)
        return at + 1

    def _value(self, kind: int, at: int, depth: int) -> int:
        """Pass over a value; return where it ends."""
        width = _FIXED_BYTES.get(kind)
        if width is not None:
            return at + width
        if kind == TType.STRING:
            return self._string(at)
        depth = _one_deeper(depth)
        if kind == TType.STRUCT:
            return self._struct(at, NO_BINARIES, (), depth)
        if kind in (TType.LIST, TType.SET):
            item, size = _LIST.unpack_from(self._message, at)
            return self._items((item,), size, at + _LIST.size, depth)
        if kind == TType.MAP:
            key, value, size = _MAP.unpack_from(self._message, at)
            return self._items((key, value), size, at + _MAP.size, depth)
        raise ProtocolError(f"a field of type {kind}, which there is not")

    def _items(self, kinds: tuple[int, ...], size: int, at: int, depth: int) -> int:
        if not 0 <= size <= MAX_ITEMS:
            raise ProtocolError(f"a container of {size} items")
        widths = [_FIXED_BYTES.get(kind) for kind in kinds]
        if None not in widths:  # in one step, since item by item burns seconds
            return at + size * sum(width or 0 for width in widths)
        self._count(size * len(kinds))
        for _ in range(size):
            for kind in kinds:
                at = self._value(kind, at, depth)
        return at

    def _string(self, at: int) -> int:
        (length,) = _WORD.unpack_from(self._message, at)
        end = at + _WORD.size + int(length)
        if length < 0 or end > len(self._message):
            raise ProtocolError(f"a string of {length} bytes, which are not there")
        return end

    def _count(self, items: int) -> None:
        self._passed += items
        if self._passed > self._most:
            raise ProtocolError("a message of too many fields")


def _one_deeper(depth: int) -> int:
    if depth <= 0:
        raise ProtocolError("fields are nested too deep")
    return depth - 1
