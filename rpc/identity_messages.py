"""Messages about who may do what, and who has done what: tokens and the rows of the audit log."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Token:
    id: str
    role: str
    owner: str = ""
    name: str = ""
    node: str = ""
    made_ms: int = 0
    expires_ms: int = 0
    used_ms: int = 0
    revoked_ms: int = 0
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AuditRow:
    number: int
    at_ms: int
    token: str
    owner: str
    role: str
    address: str
    operation: str
    subject: str
    outcome: str
