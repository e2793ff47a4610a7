"""Frames that are nearly right: calls of every method with small values, and what is left when they are harmed."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from random import Random
from struct import Struct
from typing import Any, Union, get_args, get_origin, get_type_hints

from rpc.buffers import Buffer
from rpc.codec import encode_call
from rpc.services import Service

_WORD = Struct("!i")
_WORDS = (0, 1, -1, 0x7FFFFFFF, -0x80000000, 0x10000, 100_001, 0x00FFFFFF)
_TYPES = bytes(range(16)) + b"\xff"
_LONGEST = 64 << 10
_MOST_HARMS = 4

Harm = Callable[[bytearray, Random], None]


def calls(service: Service, *, without: frozenset[str] = frozenset()) -> dict[str, bytes]:
    """A frame, without its length, for each method."""
    frames = {}
    for name, method in service.methods.items():
        if name not in without:
            arguments = tuple(_value(kind) for kind in method.arguments.values())
            frames[name] = b"".join(map(bytes, encode_call(method, 1, arguments)))[4:]
    return frames


def harmed(frame: bytes, others: list[bytes], rng: Random) -> bytes:
    """The frame with a few things wrong in it; rarely with none."""
    body = bytearray(frame)
    for _ in range(rng.randrange(_MOST_HARMS + 1)):
        if rng.random() < 0.1:
            other = rng.choice(others)
            body[rng.randrange(len(body) + 1) :] = other[rng.randrange(len(other)) :]
        else:
            rng.choice(_HARMS)(body, rng)
    return bytes(body[:_LONGEST])


def framed(body: bytes, rng: Random) -> bytes:
    """With its length before it; now and then a wrong one."""
    length = len(body) if rng.random() < 0.98 else rng.choice(_WORDS)
    return _WORD.pack(length) + body


def _value(kind: Any) -> Any:
    """A small value of a type of the contract."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _value(next(part for part in parts if part is not type(None)))
    if origin is tuple:
        return (_value(parts[0]),)
    if origin is not None and issubclass(origin, Mapping):
        return {_value(parts[0]): _value(parts[1])}
    if kind in (Buffer, bytes, memoryview):
        return b"x"
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{field.name: _value(hints[field.name]) for field in dataclasses.fields(kind) if field.init})
    if isinstance(kind, type) and issubclass(kind, tuple):  # a named one
        return kind(*(_value(part) for part in get_type_hints(kind).values()))
    return {str: "a", int: 1, float: 0.5, bool: True}[kind]


def _flip(body: bytearray, rng: Random) -> None:
    if body:
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)


def _set_type(body: bytearray, rng: Random) -> None:
    if body:
        body[rng.randrange(len(body))] = rng.choice(_TYPES)


def _set_word(body: bytearray, rng: Random) -> None:
    at = rng.randrange(len(body) + 1)
    body[at : at + 4] = _WORD.pack(rng.choice(_WORDS))


def _cut(body: bytearray, rng: Random) -> None:
    del body[rng.randrange(len(body) + 1) :]


def _drop(body: bytearray, rng: Random) -> None:
    at = rng.randrange(len(body) + 1)
    del body[at : at + rng.randrange(1, 9)]


def _insert(body: bytearray, rng: Random) -> None:
    at = rng.randrange(len(body) + 1)
    body[at:at] = rng.randbytes(rng.randrange(1, 9))


def _repeat(body: bytearray, rng: Random) -> None:
    """Once or very often: long strings, deep nesting, many items."""
    at = rng.randrange(len(body) + 1)
    piece = body[at : at + rng.randrange(1, 33)]
    body[at:at] = piece * rng.choice((1, 2, 70, 600))


def _append(body: bytearray, rng: Random) -> None:
    body += rng.randbytes(rng.randrange(1, 33))


_HARMS: tuple[Harm, ...] = (_flip, _flip, _set_type, _set_type, _set_word, _cut, _drop, _insert, _repeat, _append)
