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


def take_identity(folder: Path | None) -> Identity:
    """Return the identity kept in the data folder with its next epoch; without a folder, one for this start alone.

    Raises:
        BadData: the file in the folder is not ours, or cannot be written.
    """
    now_ms = int(time.time() * 1000)
    if folder is None:
        return Identity(token_hex(8), now_ms)
    path = folder / "identity.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        old: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"id": token_hex(8), "epoch": 0}
        # The clock may have been set back since the last start.
        identity = Identity(str(old["id"]), max(int(old["epoch"]) + 1, now_ms))
        scratch = path.with_suffix(".new")
        scratch.write_text(json.dumps({"id": identity.id, "epoch": identity.epoch}))
        scratch.replace(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadData(f"{path}: cannot be used ({error}); remove it, or choose another --data-dir") from error
    return identity
