"""Where the settings of a node come from: flag before environment before file before default."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from compute_node import old_names
from compute_node.options import Option
from rpc.errors import BadRequest

_VARIABLE = "ROUNDHOUSE_"
_SEPARATOR = ";"  # of several values in one variable; a comma is part of many
_WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_NOT_IN_THE_ENVIRONMENT = {"port"}  # a Kubernetes service called roundhouse sets that variable, to a URL
FLAG, DEFAULT = "flag", "default"


class Setting(NamedTuple):
    """A value, and who said so: FLAG, a variable, a file, or DEFAULT."""

    value: Any
    source: str


class Gathered(NamedTuple):
    """All settings by name, and what is to be remarked of old names among them."""

    settings: dict[str, Setting]
    remarks: list[str]

    def values(self) -> argparse.Namespace:
        return argparse.Namespace(**{name: setting.value for name, setting in self.settings.items()})


def gather(options: Iterable[Option], flags: Mapping[str, Any], environ: Mapping[str, str]) -> Gathered:
    """Put together what the command line, the environment and the file say.

    Args:
        flags: what the command line has said; None for what it has not. `config` names the file.

    Raises:
        BadRequest: a value is not what it may be, a key is unknown, or the file cannot be read; says where.
    """
    known = {option.name: option for option in options}
    file = flags["config"] or environ.get(f"{_VARIABLE}CONFIG")
    from_file, remarks = _of_file(file, known) if file else ({}, [])
    from_environment, more = _of_environment(environ, known)
    said = {name: Setting(value, FLAG) for name, value in flags.items() if name in known and value is not None}
    layers = [from_file, from_environment, said]
    _settle_the_place(layers)
    settings = {name: Setting(option.default, DEFAULT) for name, option in known.items()}
    for layer in layers:
        settings |= layer
    return Gathered(settings, remarks + more)


def _settle_the_place(layers: list[dict[str, Setting]]) -> None:
    """A node serves on a port or joins: of the two the one that was said first counts, and the other not at all."""
    for rank, layer in enumerate(layers):
        if "port" in layer or "join" in layer:
            for lower in layers[:rank]:
                lower.pop("port", None)
                lower.pop("join", None)


def _of_file(file: str, known: Mapping[str, Option]) -> tuple[dict[str, Setting], list[str]]:
    try:
        values = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadRequest(f"--config {file}: {error}") from error
    if not isinstance(values, dict):
        raise BadRequest(f"--config {file}: must hold an object, {{...}}")
    for name in values:
        if name not in known and not old_names.is_old_key(name):
            raise BadRequest(f"--config {file}: there is no setting {name[:50]!r}; --show-config lists them")
    renamed, remarks = old_names.keys(values)
    found = {
        each.name: Setting(_read(known[each.name], each.value, f"{file}: {each.old_name}"), f"{file}: {each.old_name}")
        for each in renamed
    }
    for name, value in values.items():
        if name in known:
            found[name] = Setting(_read(known[name], value, f"{file}: {name}"), file)
    return found, [f"{file}: {remark}" for remark in remarks]


def _of_environment(environ: Mapping[str, str], known: Mapping[str, Option]) -> tuple[dict[str, Setting], list[str]]:
    renamed, remarks = old_names.variables(environ)
    found = {each.name: Setting(_read(known[each.name], each.value, each.old_name), each.old_name) for each in renamed}
    for name, option in known.items():
        variable = f"{_VARIABLE}{name.upper()}"
        if variable in environ and name not in _NOT_IN_THE_ENVIRONMENT:
            text = environ[variable]
            value: Any = [each for each in text.split(_SEPARATOR) if each] if option.is_list else text
            found[name] = Setting(_read(option, value, variable), variable)
    return found, remarks


def _read(option: Option, value: Any, place: str) -> Any:
    """A value of a file or variable, as the flag would have it."""
    try:
        if option.is_switch:
            return _switch(value)
        if option.is_list:
            return [option.kind(_text(each)) for each in (value if isinstance(value, list) else [value])]
        text = _text(value)
        if text == "" and option.default == "":
            return ""
        if option.choices and text not in option.choices:
            raise ValueError(f"must be {', '.join(option.choices)}, not {text[:50]!r}")
        return option.kind(text)
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise BadRequest(f"{place}: {error}") from error


def _switch(value: Any) -> bool:
    found = value if isinstance(value, bool) else _WORDS.get(str(value).lower())
    if found is None:
        raise ValueError(f"must be true or false, not {str(value)[:50]!r}")
    return found


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(f"must be a text or a number, not {json.dumps(value)[:50]}")
    return str(value)
