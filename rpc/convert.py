"""Thrift structs to our messages and back, checked field by field.

Generated Python does not enforce `required`, and a wrong type fails late without naming its field; here every field of every
message is checked once, by a plan made from the dataclass's annotations when the class is first seen.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from rpc.errors import ProtocolError
from rpc.generated import ttypes
from rpc.messages import Buffer

Reader = Callable[[Any, str], Any]
Writer = Callable[[Any], Any]


def to_wire(message: Any) -> Any:
    """The generated struct for one of our messages."""
    return _writer(type(message))(message)


def from_wire(kind: Any, value: Any, where: str = "") -> Any:
    """`value` as `kind`: one of our messages, or a plain type of a method's signature.

    Raises:
        ProtocolError: a field is missing or of the wrong type; the text names it.
    """
    return _reader(kind)(value, where)


@cache
def _reader(kind: Any) -> Reader:
    if kind is None or kind is type(None):
        return lambda value, where: None
    if kind in (int, str, bool):
        return _exact(kind)
    if kind is float:
        return _read_float
    if kind == Buffer:
        return _read_buffer
    if dataclasses.is_dataclass(kind):
        return _message_reader(kind)
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType) and type(None) in args:
        inner = _reader(_strip_none(kind))
        return lambda value, where: None if value is None else inner(value, where)
    if origin is tuple:
        return _list_reader(_reader(args[0]))
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return _map_reader(_reader(args[0]), _reader(args[1]))
    raise TypeError(f"no conversion for {kind!r}")


def _exact(kind: type) -> Reader:
    def read(value: Any, where: str) -> Any:
        if type(value) is not kind:
            raise _wrong(where, kind.__name__, value)
        return value

    return read


def _read_float(value: Any, where: str) -> float:
    if type(value) is not float:
        raise _wrong(where, "double", value)
    return value


def _read_buffer(value: Any, where: str) -> Buffer:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise _wrong(where, "binary", value)
    return value


def _list_reader(item: Reader) -> Reader:
    def read(value: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _wrong(where, "list", value)
        return tuple(item(each, where) for each in value)

    return read


def _map_reader(key: Reader, item: Reader) -> Reader:
    def read(value: Any, where: str) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise _wrong(where, "map", value)
        return {key(name, where): item(each, where) for name, each in value.items()}

    return read


def _message_reader(kind: type) -> Reader:
    wire = getattr(ttypes, kind.__name__)
    plan = [(name, f"{kind.__name__}.{name}", _reader(hint)) for name, hint in _fields(kind)]

    def read(value: Any, where: str) -> Any:
        if type(value) is not wire:
            raise _wrong(where or kind.__name__, kind.__name__, value)
        return kind(*[convert(getattr(value, name), label) for name, label, convert in plan])

    return read


@cache
def _writer(kind: Any) -> Writer:
    if dataclasses.is_dataclass(kind):
        return _message_writer(kind)
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType) and kind != Buffer:
        inner = _writer(_strip_none(kind))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        each = _writer(args[0])
        return lambda value: [each(item) for item in value]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return dict
    if kind is float:
        return float
    return _unchanged


def _unchanged(value: Any) -> Any:
    return value


def _message_writer(kind: Any) -> Writer:
    wire = getattr(ttypes, kind.__name__)
    plan = [(name, _writer(hint)) for name, hint in _fields(kind)]

    def write(value: Any) -> Any:
        return wire(**{name: convert(getattr(value, name)) for name, convert in plan})

    return write


def _fields(kind: Any) -> list[tuple[str, Any]]:
    hints = get_type_hints(kind)
    return [(field.name, hints[field.name]) for field in dataclasses.fields(kind)]


def _strip_none(kind: Any) -> Any:
    rest = [arg for arg in get_args(kind) if arg is not type(None)]
    return Union[tuple(rest)] if len(rest) > 1 else rest[0]  # noqa: UP007  (built at run time)


def _wrong(where: str, wanted: str, value: Any) -> ProtocolError:
    found = "missing" if value is None else f"a {type(value).__name__}"
    return ProtocolError(f"{where or 'the message'} must be a {wanted} and is {found}")
