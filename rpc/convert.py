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
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from thrift.protocol.TBase import TFrozenBase
from thrift.Thrift import TType

from rpc.binaries import NO_BINARIES, Layout, Path
from rpc.generated import ttypes
from rpc.messages import Buffer

M = TypeVar("M")

BULK_BYTES = 32 << 10  # a larger binary is sent and received without copies

_PLAIN = {
    bool: (TType.BOOL,),
    int: (TType.BYTE, TType.I16, TType.I32, TType.I64),
    float: (TType.DOUBLE,),
    str: (TType.STRING,),
}

Prepare = Callable[[Any], tuple[Any, Mapping[Path, memoryview]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the codecs need for one class.

    Attributes:
        codec: `[class, spec]`.
        prepare: returns a message with its small buffers as `bytes` (the C codec takes nothing else) and those
            above BULK_BYTES empty, and the latter; None where the class can hold no buffer.
        layout: where its buffers are on the wire.
    """

    codec: list[Any]
    prepare: Prepare | None
    layout: Layout


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
    layout = _layout(idl, hints)
    return Plan([_constructor(kind), spec], _preparer(layout, hints), layout)


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


def _layout(idl: tuple[Any, ...], hints: Mapping[str, Any]) -> Layout:
    fields = [(entry[0], entry[2], _strip_none(hints[entry[2]])) for entry in idl if entry is not None]
    binaries = {number: name for number, name, hint in fields if hint == Buffer}
    structs = {number: (name, message_plan(hint).layout) for number, name, hint in fields if _is_message(hint)}
    return Layout(binaries, {number: inner for number, inner in structs.items() if inner[1] != NO_BINARIES})


def _preparer(layout: Layout, hints: Mapping[str, Any]) -> Prepare | None:
    if layout == NO_BINARIES:
        return None
    buffers = list(layout.binaries.values())
    inner = [(name, message_plan(_strip_none(hints[name])).prepare) for name, _ in layout.structs.values()]

    def prepare(message: Any) -> tuple[Any, Mapping[Path, memoryview]]:
        large: dict[Path, memoryview] = {}
        changed: dict[str, Any] = {}
        for name in buffers:
            value = getattr(message, name)
            if value is None or (type(value) is bytes and len(value) <= BULK_BYTES):
                continue
            view = memoryview(value).cast("B")
            if len(view) > BULK_BYTES:
                large[(name,)] = view
                changed[name] = b""
            else:
                changed[name] = bytes(view)
        for name, prepare_inner in inner:
            value = getattr(message, name)
            if value is not None and prepare_inner is not None:
                new, its_large = prepare_inner(value)
                if new is not value:
                    changed[name] = new
                    large |= {(name, *path): view for path, view in its_large.items()}
        return (_replace(message, changed) if changed else message), large

    return prepare


def _is_message(hint: Any) -> bool:
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def with_binary(message: Any, path: Path, binary: Buffer) -> Any:
    """A message like this one with another binary at the end of the path."""
    name, *inner = path
    value = with_binary(getattr(message, name), tuple(inner), binary) if inner else binary
    return _replace(message, {name: value})


def owned(message: M) -> M:
    """One of our messages with every buffer in it as `bytes`: it outlives the connection's next frame."""
    kind: Any = type(message)
    prepare = message_plan(kind).prepare
    if prepare is None:
        return message
    kept, large = prepare(message)
    for path, view in large.items():
        kept = with_binary(kept, path, bytes(view))
    whole: M = kept
    return whole


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
