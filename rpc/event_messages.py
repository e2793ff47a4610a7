"""What is said of events, of attempts and of their reasons. Part of rpc.messages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EventRow:
    number: int
    at_ms: int
    kind: str
    work: str = ""
    node: str = ""
    round: int = 0
    shard: int = -1
    message: str = ""


@dataclass(frozen=True, slots=True)
class EventQuery:
    work: str = ""
    node: str = ""
    since_ms: int = 0
    after: int = 0
    limit: int = 100
    notable: bool = False
    newest: bool = False
    owner: str = ""


@dataclass(frozen=True, slots=True)
class EventPage:
    events: tuple[EventRow, ...] = ()
    last: int = 0
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    about: str
    text: str
    at_ms: int = 0
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Why:
    kind: str
    id: str
    state: str
    answer: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptRow:
    task: str
    round: int
    shard: int
    node: str
    state: str
    cause: str = ""
    message: str = ""
    at_ms: int = 0
    tries: int = 0
    is_last: bool = False
    wait_s: float = 0.0
    work_s: float = 0.0
