"""A network of its own for a contestant, with nothing but a loopback; and a home for Ray there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from secrets import token_hex

ALONE = (
    *("unshare", "-n", "--pid", "--fork", "--mount-proc", "--kill-child"),
    *("bash", "-c", 'ip link set lo up && exec "$@"', "alone"),
)
"""The command that runs another one so."""


def can_be_alone() -> bool:
    """Whether this user and machine allow it."""
    return os.geteuid() == 0 and shutil.which(ALONE[0]) is not None


def ray_home(home: Path) -> dict[str, str]:
    """A home and a token of its own: otherwise Ray takes up, and leaves, one in the user's."""
    token = home / "token"
    token.write_text(token_hex(32))
    return {"HOME": str(home), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
