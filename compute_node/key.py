"""The key file of a node: made once, so that the node is the same one after every restart."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_bytes

from rpc.errors import BadData
from rpc.node_identity import KEY_BYTES


def node_key(path: Path) -> bytes:
    """Return the key in a file, which is made for its owner alone if it is not there.

    Raises:
        BadData: there is something else in the file, or it cannot be read or made.
    """
    try:
        if not path.exists():
            _make(path)
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise BadData(f"{path}: no key of a node can be had there ({error}); choose another --key-file") from error
    if len(key) != KEY_BYTES:
        raise BadData(f"{path}: is no key of a node; remove it, or choose another --key-file")
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.new")
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(token_bytes(KEY_BYTES).hex() + "\n")
    scratch.replace(path)
