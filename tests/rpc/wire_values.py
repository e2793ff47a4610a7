"""Hypothesis strategies for everything that the IDL can carry."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from thrift.Thrift import TType

from rpc.convert import Plan

_BOUNDS = {TType.I32: 31, TType.I64: 63}


def values(plan: Plan) -> st.SearchStrategy[Any]:
    """Instances of a plan's class: optional fields may be None."""
    construct, spec = plan.codec
    return _struct(construct, spec)


def _struct(construct: Any, spec: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    fields = {entry[2]: _value(entry[1], entry[3]) for entry in spec if entry is not None}
    return st.fixed_dictionaries(fields).map(lambda chosen: construct(**chosen))


def _value(ttype: int, arguments: Any) -> st.SearchStrategy[Any]:
    if ttype in _BOUNDS:
        bound = 1 << _BOUNDS[ttype]
        return st.integers(-bound, bound - 1)
    if ttype == TType.STRUCT:
        return _struct(*arguments)
    if ttype == TType.LIST:
        return st.lists(_value(arguments[0], arguments[1]), max_size=2).map(tuple)
    if ttype == TType.MAP:
        return st.dictionaries(st.text(max_size=4), _value(arguments[2], arguments[3]), max_size=2)
    if ttype == TType.STRING:
        return st.binary(max_size=40) if arguments == "BINARY" else st.text(max_size=10)
    return {TType.BOOL: st.booleans(), TType.DOUBLE: st.floats(allow_nan=False)}[ttype]
