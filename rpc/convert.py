"""The plan by which Thrift's two stock codecs read and write our own messages, with nothing between.

A codec takes `[class, spec]`, where the spec is a tuple of (number, type, name, type arguments, default). The
specs of the generated classes serve as the IDL; here each is checked against the annotations of our dataclass
and given our class instead. A required field that is missing on the wire then fails in the dataclass's own
constructor, which names it.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from thrift.protocol.TBase import TFrozenBase
from thrift.Thrift import TType

from rpc.generated import ttypes
from rpc.messages import Buffer

BULK_BYTES = 32 << 10  # a larger binary is sent and received without copies

_PLAIN = {
    bool: (TType.BOOL,),
    int: (TType.BYTE, TType.I16, TType.I32, TType.I64),
    float: (TType.DOUBLE,),
    str: (TType.STRING,),
}

Prepare = Callable[[Any], tuple[Any, bool]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the codecs need for one class.

    Attributes:
        codec: `[class, spec]`.
        prepare: returns a message with its small buffers as `bytes` (the C codec takes nothing else), and
            whether it
            also has one above BULK_BYTES; None where the class can hold no buffer.
    """

    codec: list[Any]
    prepare: Prepare | None


@cache
def message_plan(kind: type) -> Plan:
    """The plan of one of our message classes; its generated class has the same name."""
    return plan(kind, getattr(ttypes, kind.__name__).thrift_spec, get_type_hints(kind))


def plan(kind: Callable[..., Any], idl: tuple[Any, ...], hints: Mapping[str, Any]) -> Plan:
    """The plan of `kind`, which takes the fields by name and whose products have them as attributes.

    Raises:
        TypeError: the IDL and the hints differ; the text names the field.
    """
    owner = getattr(kind, "__name__", "fields")
    if [entry[2] for entry in idl if entry is not None] != list(hints):
        raise TypeError(f"{owner}: names or order of the fields differ from idl/trainer.thrift")
    spec = tuple(entry and _entry(entry, hints[entry[2]], owner) for entry in idl)
    return Plan([_constructor(kind), spec], _preparer(hints))


def _entry(entry: tuple[Any, ...], hint: Any, owner: str) -> tuple[Any, ...]:
    number, ttype, name, arguments, _ = entry
    return (number, ttype, name, _arguments(ttype, arguments, _strip_none(hint), f"{owner}.{name}"), None)


def _arguments(ttype: int, arguments: Any, hint: Any, where: str) -> Any:
    if hint == Buffer and (ttype, arguments) == (TType.STRING, "BINARY"):
        return arguments
    if ttype in _PLAIN.get(hint, ()) and arguments != "BINARY":
        return arguments
    if ttype == TType.STRUCT and arguments[0].__name__ == getattr(hint, "__name__", None):
        return message_plan(hint).codec if _is_message(hint) else [_constructor(hint), arguments[1]]
    if ttype == TType.LIST and get_origin(hint) is tuple:
        return (arguments[0], _arguments(arguments[0], arguments[1], get_args(hint)[0], where), True)
    if ttype == TType.MAP and get_origin(hint) is Mapping:
        key, value = get_args(hint)
        return (
            arguments[0],
            _arguments(arguments[0], arguments[1], key, where),
            arguments[2],
            _arguments(arguments[2], arguments[3], value, where),
            False,
        )
    raise TypeError(f"{where}: {hint} does not match idl/trainer.thrift")


def _constructor(kind: Callable[..., Any]) -> type:
    # The C codec hands fields to the constructor by name only for subclasses of TFrozenBase. Calling this one is
    # calling ours, by way of its metaclass: a `__new__` would cost a call in Python for every struct.
    calls_ours = type("calls_ours", (type,), {"__call__": staticmethod(kind)})
    return calls_ours.__new__(calls_ours, getattr(kind, "__name__", "fields"), (TFrozenBase,), {"__slots__": ()})


def _preparer(hints: Mapping[str, Any]) -> Prepare | None:
    steps = [(name, step) for name, hint in hints.items() if (step := _step(_strip_none(hint))) is not None]
    if not steps:
        return None

    def prepare(message: Any) -> tuple[Any, bool]:
        bulk, changed = False, {}
        for name, step in steps:
            value = getattr(message, name)
            if value is not None:
                new, is_bulk = step(value)
                bulk |= is_bulk
                if new is not value:
                    changed[name] = new
        return (_replace(message, changed) if changed else message), bulk

    return prepare


def _step(hint: Any) -> Prepare | None:
    if hint == Buffer:
        return _prepare_buffer
    return message_plan(hint).prepare if _is_message(hint) else None


def _is_message(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def _prepare_buffer(value: Buffer) -> tuple[Buffer, bool]:
    if type(value) is bytes:
        return value, len(value) > BULK_BYTES
    size = memoryview(value).nbytes
    return (value, True) if size > BULK_BYTES else (bytes(value), False)


def _replace(message: Any, changed: Mapping[str, Any]) -> Any:
    if dataclasses.is_dataclass(message) and not isinstance(message, type):
        return dataclasses.replace(message, **changed)
    return message._replace(**changed)  # a named tuple: arguments or outcome


def _strip_none(hint: Any) -> Any:
    """`hint` without None: an optional field is one that may be absent."""
    if hint == Buffer or get_origin(hint) not in (Union, types.UnionType):
        return hint
    rest = [arg for arg in get_args(hint) if arg is not type(None)]
    return Union[tuple(rest)] if len(rest) > 1 else rest[0]  # noqa: UP007  (built at run time)
