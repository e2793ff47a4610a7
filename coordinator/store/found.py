"""What the rows of the store say, in the terms of those who ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from coordinator.core.model import WorkState
from coordinator.store.rows import StoredWork
from coordinator.store.schema import blob_name, predecessor, round_, survey, work
from rpc.errors import FailureKind
from rpc.messages import RoundRow, ShardSummary

_SUMMARY = ("rows", "columns", "max_label", "mean", "m2", "label_counts")


def work_of(row: Sequence[Any]) -> StoredWork:
    fields = dict(zip(StoredWork.__dataclass_fields__, row, strict=True))
    fields["state"] = WorkState(fields["state"])
    fields["failure"] = FailureKind[fields["failure"].upper()]
    return StoredWork(**fields)


def blobs_of(connection: Connection, works: Sequence[str]) -> dict[str, dict[str, str]]:
    """The files by role, by work."""
    names: dict[str, dict[str, str]] = {}
    columns = (blob_name.c.work, blob_name.c.role, blob_name.c.blob)
    for of, role, blob in connection.execute(select(*columns).where(blob_name.c.work.in_(works))):
        names.setdefault(of, {})[role] = blob
    return names


def surveys_of(connection: Connection, works: Sequence[str]) -> dict[str, list[ShardSummary]]:
    """The surveys by shard, by work."""
    question = select(survey).where(survey.c.work.in_(works)).order_by(survey.c.work, survey.c.shard)
    found: dict[str, list[ShardSummary]] = {}
    for row in connection.execute(question).mappings():
        found.setdefault(row["work"], []).append(summary_of(row))
    return found


def rounds_of(connection: Connection, works: Sequence[str]) -> dict[str, list[RoundRow]]:
    """The rounds by number, by work."""
    question = select(round_).where(round_.c.work.in_(works)).order_by(round_.c.work, round_.c.round)
    found: dict[str, list[RoundRow]] = {}
    for row in connection.execute(question).mappings():
        found.setdefault(row["work"], []).append(round_of(row))
    return found


def ends_of(connection: Connection, works: Sequence[str]) -> dict[str, dict[str, WorkState]]:
    """By work how those have ended, or stand, that it comes after."""
    state = func.coalesce(work.c.state, predecessor.c.state)
    joined = predecessor.outerjoin(work, work.c.id == predecessor.c.after)
    question = select(predecessor.c.work, predecessor.c.after, state).select_from(joined)
    found: dict[str, dict[str, WorkState]] = {}
    for name, of, value in connection.execute(question.where(predecessor.c.work.in_(works))):
        found.setdefault(name, {})[of] = WorkState(value)
    return found


def summary_of(row: Mapping[Any, Any]) -> ShardSummary:
    return ShardSummary("", 0, **named(row, _SUMMARY))


def round_of(row: Mapping[Any, Any]) -> RoundRow:
    return RoundRow(**named(row, RoundRow.__dataclass_fields__))


def named(row: Mapping[Any, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}
