"""Members of arrays, and work that is a member of none, as the database is asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, literal_column, or_, select

from coordinator.core.model import WorkState
from coordinator.store.found import work_of
from coordinator.store.rows import EndedMembers, StoredWork
from coordinator.store.schema import blob_name, work

# Literal, as the indexes say it: the databases recognize it so.
_NONE: ColumnElement[str] = literal_column("''")
OF_NONE = work.c.array_id == _NONE
WORK = tuple(work.c[name] for name in StoredWork.__dataclass_fields__)


def of_array(array_id: Any) -> ColumnElement[bool]:
    """What holds of the members of an array."""
    return and_(work.c.array_id == array_id, work.c.array_id != _NONE)


def first_members(connection: Connection, array_id: str, state: WorkState, limit: int) -> tuple[StoredWork, ...]:
    """Those in this state that have the lowest indexes."""
    question = select(*WORK).where(of_array(array_id), work.c.state == state.value)
    return tuple(map(work_of, connection.execute(question.order_by(work.c.array_index).limit(limit))))


def ended_members(connection: Connection, array_id: str) -> tuple[EndedMembers, ...]:
    """Those that have ended, by state."""
    question = select(work.c.state, func.count()).where(of_array(array_id)).group_by(work.c.state)
    counts = {WorkState(state): count for state, count in connection.execute(question)}
    ended = {state: count for state, count in counts.items() if state.is_final}
    return tuple(
        EndedMembers(state, count, *first_members(connection, array_id, state, 1)) for state, count in ended.items()
    )


def files_of(connection: Connection, work_id: str) -> Sequence[tuple[str, str]]:
    """The files of a work by role, with those of all its members."""
    members = select(work.c.id).where(of_array(work_id))
    mine = or_(blob_name.c.work == work_id, blob_name.c.work.in_(members))
    return [(role, blob) for role, blob in connection.execute(select(blob_name.c.role, blob_name.c.blob).where(mine))]
