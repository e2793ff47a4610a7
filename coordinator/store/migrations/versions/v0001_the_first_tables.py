"""Schema 0001: work with all that belongs to it, nodes, events, and the one writer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None

_TYPES: Mapping[str, TypeEngine[Any]] = {
    "number": sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
    "int": sa.BigInteger(),
    "text": sa.Text(),
    "real": sa.Double(),
    "flag": sa.Boolean(),
    "bytes": sa.LargeBinary(),
}


def upgrade() -> None:
    """Make the tables."""
    _create(
        "writer",
        "text identity, int epoch, text host, int pid, text address, int since_ms, int batch, text late,"
        " int last_event",
        key=("identity",),
    )
    _create(
        "work",
        "number number, text id, text kind, text name, text owner, text key, int priority, text select, bytes spec,"
        " text state, text reason, text failure, int round, int rounds, int tasks_done, int tasks_total,"
        " real validation_error, text detail, int submitted_ms, int started_ms, int ended_ms, int deadline_ms,"
        " int first_event, flag is_thinned",
        key=("number",),
    )
    _create(
        "survey",
        "text work, int shard, int rows, int columns, int max_label, bytes mean, bytes m2, bytes label_counts",
        key=("work", "shard"),
        of_work=True,
    )
    _create(
        "round",
        "text work, int round, real validation_error, real validation_loss, real train_loss, real seconds,"
        " real wait_s, real send_s, real compute_s, real receive_s, real reduce_s, real validate_s, int tasks,"
        " int rejections, int retries, int epochs_run, text detail",
        key=("work", "round"),
        of_work=True,
    )
    _create(
        "attempt",
        "number number, text work, text task, int round, int shard, text node, int fence, int at_ms, text outcome,"
        " text cause, text message, text scores",
        key=("number",),
        of_work=True,
    )
    _create(
        "metric",
        "number number, text work, text name, int step, real value, int at_ms",
        key=("number",),
        of_work=True,
    )
    _create("blob_name", "text work, text role, text blob", key=("work", "role"), of_work=True)
    _create(
        "node",
        "text id, text name, text address, text source, text labels, text state, text reason, int until_ms,"
        " int seen_ms",
        key=("id",),
    )
    _create(
        "event",
        "int number, int at_ms, text kind, text work, text node, int round, int shard, text message",
        key=("number",),
    )
    _create("event_thinned", "text work, text kind, int count", key=("work", "kind"))
    _create_indexes()


def _create(table: str, columns: str, *, key: Iterable[str], of_work: bool = False) -> None:
    """Make a table of columns written as `type name`; only a real may be missing."""
    parts: list[SchemaItem] = []
    for column in columns.split(", "):
        kind, name = column.split()
        parts.append(sa.Column(name, _TYPES[kind], nullable=kind == "real", autoincrement=kind == "number"))
    parts.append(sa.PrimaryKeyConstraint(*key, name=f"pk_{table}"))
    if of_work:
        parts.append(sa.ForeignKeyConstraint(["work"], ["work.id"], name=f"fk_{table}_work", ondelete="CASCADE"))
    if table == "work":
        parts.append(sa.UniqueConstraint("id", name="uq_work_id"))
    op.create_table(table, *parts, sqlite_autoincrement=columns.startswith("number "))


def _create_indexes() -> None:
    keyed = sa.text("key <> ''")
    op.create_index(
        "ux_work_owner_key", "work", ["owner", "key"], unique=True, sqlite_where=keyed, postgresql_where=keyed
    )
    for table, columns in (
        ("work", ("state", "number")),
        ("work", ("owner", "number")),
        ("work", ("is_thinned", "number")),
        ("attempt", ("work", "number")),
        ("metric", ("work", "name", "number")),
        ("blob_name", ("blob",)),
        ("event", ("work", "number")),
    ):
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))
