"""The coordinators that this user has logged in to: a file with their tokens, which nobody else may read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile

from platformdirs import user_config_path

from rpc.errors import BadData

_LAST = "last"  # the one that commands mean where none is named


@dataclass(frozen=True, slots=True)
class KnownServer:
    """What is remembered of a coordinator.

    Attributes:
        token: empty: it wants none.
        authority: certificates that vouch for it (PEM), or `system` for those that the system trusts; empty: it is
            called without TLS.
    """

    token: str = field(default="", repr=False)
    authority: str = ""


def servers_file() -> Path:
    """Where they are remembered."""
    return user_config_path("roundhouse") / "servers.json"


def known_server(address: str) -> KnownServer:
    """Return what is remembered of the coordinator at `HOST:PORT`; of most that is nothing.

    Raises:
        BadData: the file cannot be read.
    """
    known = _read()[1].get(address, {})
    return KnownServer(**{name: text for name, text in known.items() if name in KnownServer.__dataclass_fields__})


def last_server() -> str:
    """Return the address that somebody logged in to last; empty: to none, or it was logged out of."""
    return _read()[0]


def remember(address: str, server: KnownServer) -> None:
    """Remember a coordinator; from now on it is the one that is meant where none is named.

    Raises:
        BadData: the file cannot be read or written.
    """
    _, known = _read()
    _write(address, {**known, address: asdict(server)})


def forget(address: str) -> bool:
    """Remember a coordinator no more; return whether it was.

    Raises:
        BadData: the file cannot be read or written.
    """
    last, known = _read()
    if address not in known:
        return False
    _write("" if last == address else last, {name: each for name, each in known.items() if name != address})
    return True


def _read() -> tuple[str, Mapping[str, Mapping[str, str]]]:
    path = servers_file()
    try:
        found = json.loads(path.read_bytes())
        return str(found.get(_LAST, "")), {name: each for name, each in found["servers"].items() if each is not None}
    except FileNotFoundError:
        return "", {}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise BadData(f"{path}: cannot be read ({error}); remove it and log in again") from error


def _write(last: str, known: Mapping[str, Mapping[str, str]]) -> None:
    path = servers_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A new file, which nobody else may read from its beginning on, takes the place of the old one at once.
        with NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False, encoding="utf-8") as file:
            json.dump({_LAST: last, "servers": known}, file, indent=2)
        os.replace(file.name, path)
    except OSError as error:
        raise BadData(f"{path}: cannot be written: {error.strerror}") from error
