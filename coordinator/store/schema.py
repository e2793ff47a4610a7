"""The tables. A change here needs a new file in migrations/versions and a higher REVISION."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    text,
)
from sqlalchemy.types import TypeEngine

from coordinator.store.columns import AnyText, Json, Real

REVISION = "0002"  # of the newest migration

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
# SQLite numbers rows by itself only in a column that is exactly INTEGER.
_number: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")


def _work() -> Column[str]:
    return Column("work", AnyText, ForeignKey("work.id", ondelete="CASCADE"), nullable=False)


def _int(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, AnyText, nullable=False)


def _real(name: str, *, optional: bool = False) -> Column[float]:
    return Column(name, Real(optional=optional), nullable=True)


# One row: who writes, and the newest batch that is committed.
writer = Table(
    "writer",
    metadata,
    Column("identity", AnyText, primary_key=True),
    *(_int("epoch"), _text("host"), _int("pid"), _text("address"), _int("since_ms")),
    *(_int("batch"), Column("late", Json, nullable=False), _int("last_event")),
)

work = Table(
    "work",
    metadata,
    Column("number", _number, primary_key=True, autoincrement=True),
    Column("id", AnyText, nullable=False, unique=True),
    *(_text("kind"), _text("name"), _text("owner"), _text("key"), _int("priority")),
    *(Column("select", Json, nullable=False), Column("spec", LargeBinary, nullable=False)),
    *(_text("state"), _text("reason"), _text("failure")),
    *(_int("round"), _int("rounds"), _int("tasks_done"), _int("tasks_total")),
    *(_real("validation_error", optional=True), Column("detail", Json, nullable=False)),
    *(_int("submitted_ms"), _int("started_ms"), _int("ended_ms"), _int("deadline_ms")),
    *(_int("first_event"), Column("is_thinned", Boolean, nullable=False)),
    # The array that it is one of, with this index there; empty: of none.
    *(
        Column("array_id", AnyText, nullable=False, server_default=""),
        Column("array_index", BigInteger, nullable=False, server_default="0"),
    ),
    sqlite_autoincrement=True,
)
Index(
    "ux_work_owner_key",
    *(work.c.owner, work.c.key),
    unique=True,
    sqlite_where=text("key <> ''"),
    postgresql_where=text("key <> ''"),
)
Index(None, work.c.state, work.c.number)
Index(None, work.c.owner, work.c.number)
Index(None, work.c.is_thinned, work.c.number)
Index(None, work.c.state, work.c.ended_ms)
_OF_AN_ARRAY, _OF_NONE = text("array_id <> ''"), text("array_id = ''")
Index(
    "ix_work_array_id_state_index",
    *(work.c.array_id, work.c.state, work.c.array_index),
    sqlite_where=_OF_AN_ARRAY,
    postgresql_where=_OF_AN_ARRAY,
)
Index("ix_work_number_of_none", work.c.number, sqlite_where=_OF_NONE, postgresql_where=_OF_NONE)

survey = Table(
    "survey",
    metadata,
    *(_work(), _int("shard"), _int("rows"), _int("columns"), _int("max_label")),
    *(Column(name, LargeBinary, nullable=False) for name in ("mean", "m2", "label_counts")),
    PrimaryKeyConstraint("work", "shard"),
)

round_ = Table(
    "round",
    metadata,
    *(_work(), _int("round")),
    *(_real(name, optional=True) for name in ("validation_error", "validation_loss")),
    *map(_real, ("train_loss", "seconds", "wait_s", "send_s", "compute_s", "receive_s", "reduce_s", "validate_s")),
    *map(_int, ("tasks", "rejections", "retries", "epochs_run")),
    Column("detail", Json, nullable=False),
    _real("commit_s", optional=True),
    PrimaryKeyConstraint("work", "round"),
)

attempt = Table(
    "attempt",
    metadata,
    Column("number", _number, primary_key=True, autoincrement=True),
    *(_work(), _text("task"), _int("round"), _int("shard"), _text("node"), _int("fence"), _int("at_ms")),
    *(_text("outcome"), _text("cause"), _text("message"), Column("scores", Json, nullable=False)),
    sqlite_autoincrement=True,
)
Index(None, attempt.c.work, attempt.c.number)
Index(None, attempt.c.node, attempt.c.number)
Index(None, attempt.c.at_ms)

metric = Table(
    "metric",
    metadata,
    Column("number", _number, primary_key=True, autoincrement=True),
    *(_work(), _text("name"), _int("step"), _real("value"), _int("at_ms"), _int("log_end")),
    sqlite_autoincrement=True,
)
Index(None, metric.c.work, metric.c.name, metric.c.number)

# Which file a piece of work needs, and as what.
blob_name = Table(
    "blob_name",
    metadata,
    *(_work(), _text("role"), _text("blob")),
    PrimaryKeyConstraint("work", "role"),
)
Index(None, blob_name.c.blob)

# What a work comes after; `state` is how that ended, if it has been forgotten since.
predecessor = Table(
    "predecessor",
    metadata,
    *(_work(), _text("after"), _text("state")),
    PrimaryKeyConstraint("work", "after"),
)
Index(None, predecessor.c.after)

node = Table(
    "node",
    metadata,
    Column("id", AnyText, primary_key=True),
    *(_text("name"), _text("address"), _text("source"), Column("labels", Json, nullable=False)),
    *(_text("state"), _text("reason"), _int("until_ms"), _int("seen_ms")),
    *map(_int, ("done", "rejected", "failed")),
)

schedule = Table(
    "schedule",
    metadata,
    Column("id", AnyText, primary_key=True),
    *(_int("made_ms"), Column("body", LargeBinary, nullable=False), Column("blobs", Json, nullable=False)),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", AnyText, primary_key=True),
    *(_text("url"), Column("states", Json, nullable=False), _text("secret")),
    *(_int("made_ms"), _int("last"), _text("fault")),
)

# Of the token itself only what nobody finds it by.
token = Table(
    "token",
    metadata,
    Column("id", AnyText, primary_key=True),
    *(_text("digest"), _text("role"), _text("owner"), _text("name"), _text("node")),
    *map(_int, ("made_ms", "expires_ms", "used_ms", "revoked_ms")),
)

audit = Table(
    "audit",
    metadata,
    Column("number", _number, primary_key=True, autoincrement=True),
    _int("at_ms"),
    *map(_text, ("token", "owner", "role", "address", "operation", "subject", "outcome")),
    sqlite_autoincrement=True,
)

# Without a key to `work`: an event may be told of work that has been forgotten.
event = Table(
    "event",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    *(_int("at_ms"), _text("kind"), _text("work"), _text("node"), _int("round"), _int("shard"), _text("message")),
)
Index(None, event.c.work, event.c.number)
_OF_A_NODE = text("node <> ''")
Index(None, event.c.node, event.c.number, sqlite_where=_OF_A_NODE, postgresql_where=_OF_A_NODE)
Index(None, event.c.at_ms, event.c.kind)

# How many events of a kind were removed.
event_thinned = Table(
    "event_thinned",
    metadata,
    *(_text("work"), _text("kind"), _int("count")),
    PrimaryKeyConstraint("work", "kind"),
)
