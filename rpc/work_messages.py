"""A line of a list of work. Part of rpc.messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rpc.script_messages import ScriptUsage


@dataclass(frozen=True, slots=True)
class WorkRow:
    id: str
    kind: str
    name: str
    state: str
    reason: str = ""
    failure: int = 0
    round: int = 0
    rounds: int = 0
    tasks_done: int = 0
    tasks_total: int = 0
    validation_error: float | None = None
    waiting_for: str = ""
    submitted_ms: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    owner: str = ""
    number: int = 0
    usage: ScriptUsage | None = None
    result: str = ""
    array_id: str = ""
    array_index: int = 0
    members: Mapping[str, int] = field(default_factory=dict)
