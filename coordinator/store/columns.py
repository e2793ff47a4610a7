"""Column types that hold the same values on every database, whatever a node or a client put into a text or a number."""

from __future__ import annotations

import json
import math
from typing import Any

from sqlalchemy import Dialect, Double, Text, TypeDecorator


class AnyText(TypeDecorator[str]):
    """Text in which what no database keeps (NUL on PostgreSQL, lone surrogates on all) becomes a question mark.

    A message of a node must never make a batch impossible to write.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")


class Json(TypeDecorator[Any]):
    """What json can write, as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return json.loads(value or "null")


class Real(TypeDecorator[float]):
    """A float64. NaN, which SQLite does not know, is kept as NULL; an optional one comes back as None."""

    impl = Double
    cache_ok = True

    def __init__(self, *, optional: bool = False) -> None:
        super().__init__()
        self.optional = optional

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        return None if value is None or math.isnan(value) else value

    def process_result_value(self, value: float | None, dialect: Dialect) -> float | None:
        return math.nan if value is None and not self.optional else value
