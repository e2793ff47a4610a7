"""What a client shows a coordinator, and where it finds that: a file, a variable, or what `login` has remembered."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from client.servers import known_server
from rpc.tokens import find_token


@dataclass(frozen=True, slots=True)
class Access:
    """Attributes: token, by which the coordinator knows who asks; empty: it is not told."""

    token: str = field(default="", repr=False)


NO_ACCESS = Access()


def access_to(address: str, token_file: Path | None = None) -> Access:
    """Return what is shown to the coordinator at `HOST:PORT`: the token of a file, else of a variable, else of `login`.

    Raises:
        BadData: what is named there is no token.
    """
    return Access(find_token(token_file, os.environ) or known_server(address).token)
