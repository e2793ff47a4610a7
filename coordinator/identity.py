"""Who this coordinator is to its nodes: an id that stays over restarts, and an epoch that grows with each."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from rpc.errors import BadData


@dataclass(frozen=True, slots=True)
class Identity:
    """Nodes refuse a lower epoch of the same id: an earlier start that still runs somewhere."""

    id: str
    epoch: int


_FILE = "identity.json"


def next_identity(folder: Path | None) -> Identity:
    """Return the identity kept in the data folder with its next epoch; without a folder, one for this start alone.

    Raises:
        BadData: the file in the folder is not ours.
    """
    now_ms = int(time.time() * 1000)
    if folder is None:
        return Identity(token_hex(8), now_ms)
    path = folder / _FILE
    try:
        old: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"id": token_hex(8), "epoch": 0}
        # The clock may have been set back since the last start.
        return Identity(str(old["id"]), max(int(old["epoch"]) + 1, now_ms))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path}: cannot be used ({error}); remove it, or choose another --data-dir") from error


def keep_identity(folder: Path, identity: Identity) -> None:
    """Write down the epoch of this start; called once it is certain that it serves.

    Raises:
        BadData: the file cannot be written.
    """
    path = folder / _FILE
    scratch = path.with_suffix(".new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps({"id": identity.id, "epoch": identity.epoch}))
        scratch.replace(path)
    except OSError as error:
        raise BadData(f"{path}: cannot be written ({error}); choose another --data-dir") from error
