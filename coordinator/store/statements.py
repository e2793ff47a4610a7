"""The statements that writing needs, made once: SQLAlchemy then knows their SQL by heart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from sqlalchemy import (
    ColumnElement,
    Executable,
    Insert,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from coordinator.core.model import WorkState
from coordinator.store.members import of_array
from coordinator.store.schema import (
    attempt,
    blob_name,
    event,
    event_thinned,
    metric,
    node,
    predecessor,
    round_,
    schedule,
    survey,
    webhook,
    work,
)

_Upsert = postgresql.Insert | sqlite.Insert
_UPSERT: Mapping[str, Callable[[Table], _Upsert]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}

OPEN_STATES = (WorkState.PENDING.value, WorkState.RUNNING.value)

# Node events from here on belong to the work.
_FIRST_EVENT = select(func.coalesce(func.max(event.c.number), 0) + 1).scalar_subquery()
INSERT: Mapping[Table, Insert] = {
    **{table: insert(table) for table in (attempt, blob_name, event, metric, predecessor, round_, survey)},
    work: insert(work).values(first_event=_FIRST_EVENT),
}

_OF_WORK = work.c.id == bindparam("of")
EXISTS = select(work.c.id).where(_OF_WORK)
START = update(work).where(_OF_WORK, work.c.state == WorkState.PENDING.value).values(state=WorkState.RUNNING.value)
REST = update(work).where(_OF_WORK, work.c.state == WorkState.RUNNING.value).values(state=WorkState.PENDING.value)
END = update(work).where(_OF_WORK, work.c.state.in_(OPEN_STATES))
PROGRESS = update(work).where(_OF_WORK)
COMMITTED = update(round_).where(round_.c.work == bindparam("of"), round_.c.round == bindparam("number"))
UNDO_ROUNDS = delete(round_).where(round_.c.work == bindparam("of"), round_.c.round > bindparam("after"))
UNNAME = delete(blob_name).where(blob_name.c.work == bindparam("of"), blob_name.c.role == bindparam("as"))
REMOVE_NODE = delete(node).where(node.c.id == bindparam("of"))
REMOVE_SCHEDULE = delete(schedule).where(schedule.c.id == bindparam("of"))
REMOVE_WEBHOOK = delete(webhook).where(webhook.c.id == bindparam("of"))


def _copied(table: Table, *which: ColumnElement[bool]) -> Insert:
    """Copy the rows of one work, or those `which`, to another."""
    rest = [column for column in table.c if column is not table.c.work]
    rows = select(bindparam("to", type_=table.c.work.type), *rest).where(table.c.work == bindparam("of"), *which)
    return insert(table).from_select([table.c.work, *rest], rows)


INHERIT = (_copied(survey), _copied(round_, round_.c.round <= bindparam("up_to")))
_STATE = select(work.c.state).where(_OF_WORK).scalar_subquery()
# With an array go its members, to whom nothing else refers but for predecessors, which keep their ends.
_MEMBERS = select(work.c.id).where(of_array(bindparam("of")))
_MEMBER_STATE = select(work.c.state).where(work.c.id == predecessor.c.after).scalar_subquery()
FORGET = (
    update(predecessor).where(predecessor.c.after == bindparam("of")).values(state=_STATE),
    update(predecessor).where(predecessor.c.after.in_(_MEMBERS)).values(state=_MEMBER_STATE),
    *(delete(table).where(table.c.work == bindparam("of")) for table in (event, event_thinned)),
    *(delete(table).where(table.c.work.in_(_MEMBERS)) for table in (event, event_thinned)),
    delete(work).where(of_array(bindparam("of"))),
    delete(work).where(_OF_WORK),
)


@cache
def insert_unless_known(dialect: str) -> Executable:
    """Insert work whose key its owner has not used before; the row count says whether it was so."""
    statement = _UPSERT[dialect](work).values(first_event=_FIRST_EVENT)
    unused = statement.on_conflict_do_nothing(
        index_elements=[work.c.owner, work.c.key], index_where=literal_column("key <> ''")
    )
    return unused.execution_options(preserve_rowcount=True)


@cache
def replace(dialect: str, table: Table) -> Executable:
    """Insert rows, over those with the same primary key."""
    statement = _UPSERT[dialect](table)
    keys = list(table.primary_key)
    new = {column.name: statement.excluded[column.name] for column in table.c if column not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=new)
