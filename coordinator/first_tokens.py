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
    """Attributes: admin, join: the tokens themselves."""

    admin: str
    join: str

    def __repr__(self) -> str:
        return "FirstTokens()"

    @property
    def lines(self) -> str:
        """What is printed, once."""
        return f"admin token, shown once: {self.admin}\njoin token for nodes, shown once: {self.join}"

    def write(self, path: Path) -> None:
        """Write the admin token to a file that only this user may read, and the other to one beside it (.join).

        Raises:
            BadData: one cannot be written.
        """
        write_token(path, self.admin)
        write_token(path.with_name(path.name + ".join"), self.join)


def first_tokens(store: Store) -> FirstTokens | None:
    """Make the tokens of a store that never had any, and commit them; None: it has had some.

    Raises:
        StoreDown: the store cannot be used now.
    """
    if store.reader.tokens():
        return None
    now_ms = time.time_ns() // 1_000_000
    admin, join = make_token(), make_token()
    store.begin_with(
        kept_of(admin, Role.ADMIN, name="first start", made_ms=now_ms),
        kept_of(join, Role.NODE, name="first start", made_ms=now_ms),
    )
    return FirstTokens(admin.text, join.text)
