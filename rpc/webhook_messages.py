"""What is said of webhooks. Part of rpc.messages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Webhook:
    id: str
    url: str
    states: tuple[str, ...]
    secret: str = ""
    made_ms: int = 0
    last: int = 0
    fault: str = ""
