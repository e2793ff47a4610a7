"""What `--show-config` prints: each setting, its value without secrets, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from compute_node.options import Option
from compute_node.sources import DEFAULT, Setting
from rpc.plain_text import plain


def table(options: Iterable[Option], settings: Mapping[str, Setting]) -> str:
    """A line for each setting."""
    rows = [
        (option.name, shown(option, settings[option.name].value), settings[option.name].source) for option in options
    ]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:<{first}}  {value:<{min(second, 60)}}  {source}" for name, value, source in rows)


def said(options: Iterable[Option], settings: Mapping[str, Setting]) -> str:
    """In one line, what is not as usual."""
    return ", ".join(
        f"{option.name}={shown(option, settings[option.name].value)} ({settings[option.name].source})"
        for option in options
        if settings[option.name].source != DEFAULT
    )


def shown(option: Option, value: Any) -> str:
    """One value for people to read."""
    if value is None or value == () or value == "":
        return "-"
    if option.is_switch:
        return "yes" if value else "no"
    if option.is_list:
        return "; ".join(plain(option.shown(each)) for each in value)
    return plain(option.shown(value))
