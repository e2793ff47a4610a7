"""Arguments that differ in a few fields only, as the tasks of a round do: what they share is encoded once."""

from __future__ import annotations

from collections import namedtuple
from functools import cache
from typing import Any, NamedTuple

from rpc.binaries import places, with_filled
from rpc.convert import message_plan
from rpc.fast_codec import fastbinary
from rpc.messages import Buffer

_ARGUMENT = b"\x0c\x00\x01"  # a struct, field 1
_STOP = b"\0"


class Template:
    """All but some fields of a message that is the only argument of its method.

    Thrift's fields may come in any order, so those of one message go first and the shared ones after them.
    """

    def __init__(self, message: object, *open_fields: str) -> None:
        """`open_fields` are those to be filled in, whatever the message has there; its buffers must not change."""
        kind: Any = type(message)
        plan = message_plan(kind)
        self._fields, self._codec, shared = _split(kind, open_fields)
        prepared, large = (message, {}) if plan.prepare is None else plan.prepare(message)
        body: bytes = fastbinary.encode_binary(prepared, shared) + _STOP
        gaps = [place for place in places(body, 0, plan.layout) if place.path in large] if large else []
        self._shared = with_filled(body, gaps, large)

    def fill(self, *values: Any) -> Filled:
        """The argument with these values in its open fields, in their order."""
        return Filled(self, self._fields(*values))

    def pieces(self, head: bytes, fields: Any) -> list[Buffer]:
        """The message after its head, in pieces."""
        own = fastbinary.encode_binary(fields, self._codec)
        first, *others = self._shared
        return [head + _ARGUMENT + own[:-1] + first, *others]


class Filled(NamedTuple):
    """An argument that is made from a template."""

    template: Template
    fields: Any


@cache
def _split(kind: type, open_fields: tuple[str, ...]) -> tuple[Any, list[Any], list[Any]]:
    """A named tuple of the open fields, the codec that writes them, and the one that writes the others."""
    construct, spec = message_plan(kind).codec
    is_open = [entry is not None and entry[2] in open_fields for entry in spec]
    own = tuple(entry if chosen else None for entry, chosen in zip(spec, is_open, strict=True))
    shared = tuple(None if chosen else entry for entry, chosen in zip(spec, is_open, strict=True))
    return namedtuple("_fields", open_fields), [construct, own], [construct, shared]
