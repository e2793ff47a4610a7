"""What can be written of who may do what, and who has done what; see changes.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenKept:
    """What is known of a token now.

    Attributes:
        digest: its SHA-256, by which nobody finds it.
        owner: of the work that is submitted with it.
        node: identity of the one node that it serves; empty: any.
        used_ms: roughly when it was shown last, or 0.
        revoked_ms: when it was, or 0.
        expires_ms: 0: never.
    """

    id: str
    digest: str
    role: str
    owner: str
    name: str
    node: str
    made_ms: int
    expires_ms: int = 0
    used_ms: int = 0
    revoked_ms: int = 0


@dataclass(frozen=True, slots=True)
class TokenRemoved:
    id: str


@dataclass(frozen=True, slots=True)
class Audited:
    """Somebody did something, or was refused it.

    Attributes:
        token: its id.
        subject: what it was about.
        outcome: done, or the code of what was answered.
    """

    at_ms: int
    token: str
    owner: str
    role: str
    address: str
    operation: str
    subject: str
    outcome: str
