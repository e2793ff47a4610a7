"""What is said of schedules: script jobs that are started again and again. Part of rpc.messages."""

from __future__ import annotations

from dataclasses import dataclass

from rpc.script_messages import ScriptSpec


@dataclass(frozen=True, slots=True)
class Schedule:
    id: str
    spec: ScriptSpec
    cron: str
    zone: str
    overlaps: bool = False
    paused: bool = False
    made_ms: int = 0
    next_ms: int = 0
    last_ms: int = 0
    last_job: str = ""
    fault: str = ""
    token: str = ""
