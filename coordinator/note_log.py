"""Notes of the core as lines of the log."""

from __future__ import annotations

import logging

from coordinator.core.events import Note

logger = logging.getLogger(__name__)

_LOUD = frozenset({"node lost", "quarantined", "damaged", "failed", "store failed"})
_QUIET = frozenset({"rejected", "stale"})


def log_note(note: Note) -> None:
    """Write a line, as loud as the note is important."""
    level = logging.WARNING if note.kind in _LOUD else logging.DEBUG if note.kind in _QUIET else logging.INFO
    logger.log(level, "%s: %s%s", _subject(note), note.kind, f": {note.message}" if note.message else "")


def _subject(note: Note) -> str:
    """What a note is about: run, round, shard and node as far as they are meant."""
    parts = [note.work_id] if note.work_id else []
    if note.round:
        parts.append(f"round {note.round}")
    if note.shard >= 0:
        parts.append(f"shard {note.shard + 1}")
    if note.node_id:
        parts.append(f"on {note.node_id}" if parts else note.node_id)
    return " ".join(parts) or "coordinator"
