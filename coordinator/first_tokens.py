"""The tokens of a first start: one for its admin, one for nodes that join. They are told once, and kept nowhere."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from coordinator.permissions import Role
from coordinator.store.store import Store
from coordinator.tokens import kept_of
from rpc.tokens import make_token, write_token


@dataclass(frozen=True, slots=True)
class FirstTokens:
    """Attributes: admin, join: the tokens themselves; file, where the first is, the other beside it; None: nowhere."""

    admin: str
    join: str
    file: Path | None = None

    def __repr__(self) -> str:
        return "FirstTokens()"

    @property
    def lines(self) -> str:
        """What is printed, once: the tokens, or where they are, since what is printed may end in a log."""
        if self.file is not None:
            return f"admin token: in {self.file}\njoin token for nodes: in {_beside(self.file)}"
        return f"admin token, shown once: {self.admin}\njoin token for nodes, shown once: {self.join}"


def first_tokens(store: Store, file: Path | None) -> FirstTokens | None:
    """Make the tokens of a store that never had any, and commit them; None: it has had some.

    With `file` they are written there first, for this user alone: none is valid that nobody has.

    Raises:
        StoreDown: the store cannot be used now.
        BadData: the file cannot be written.
    """
    if store.reader.tokens():
        return None
    now_ms = time.time_ns() // 1_000_000
    admin, join = make_token(), make_token()
    if file is not None:
        write_token(file, admin.text)
        write_token(_beside(file), join.text)
    store.begin_with(
        kept_of(admin, Role.ADMIN, name="first start", made_ms=now_ms),
        kept_of(join, Role.NODE, name="first start", made_ms=now_ms),
    )
    return FirstTokens(admin.text, join.text, file)


def _beside(file: Path) -> Path:
    return file.with_name(file.name + ".join")
