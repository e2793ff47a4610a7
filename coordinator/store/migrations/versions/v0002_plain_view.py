"""Schema 0002: commits of rounds, rounds of stored models, webhooks, what works come after, arrays, indexes, what nodes
have done, where in a log a metric stood, tokens, the audit log.

The indexes are for the events and failures of a node, and for what is old.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TOKEN_TIMES = ("made_ms", "expires_ms", "used_ms", "revoked_ms")
_AUDIT_TEXTS = ("token", "owner", "role", "address", "operation", "subject", "outcome")
_LAST_ROUND = 'SELECT max(r.round) FROM "round" AS r WHERE r.work = blob_name.work'


def upgrade() -> None:
    """Add what is new."""
    op.add_column("round", sa.Column("commit_s", sa.Double(), nullable=True))
    of_a_node = sa.text("node <> ''")
    op.create_index(
        "ix_event_node_number", "event", ["node", "number"], sqlite_where=of_a_node, postgresql_where=of_a_node
    )
    op.create_index("ix_event_at_ms_kind", "event", ["at_ms", "kind"])
    op.create_index("ix_attempt_node_number", "attempt", ["node", "number"])
    op.create_index("ix_attempt_at_ms", "attempt", ["at_ms"])
    op.create_index("ix_work_state_ended_ms", "work", ["state", "ended_ms"])
    for name in ("done", "rejected", "failed"):
        op.add_column("node", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("metric", sa.Column("log_end", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "schedule",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("blobs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("url", "states", "secret")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("made_ms", "last")),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("digest", "role", "owner", "name", "node")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _TOKEN_TIMES),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "audit",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _AUDIT_TEXTS),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "predecessor",
        sa.Column("work", sa.Text(), sa.ForeignKey("work.id", ondelete="CASCADE"), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("work", "after"),
    )
    op.create_index("ix_predecessor_after", "predecessor", ["after"])
    op.add_column("work", sa.Column("array_id", sa.Text(), nullable=False, server_default=""))
    op.add_column("work", sa.Column("array_index", sa.BigInteger(), nullable=False, server_default="0"))
    of_an_array, of_none = sa.text("array_id <> ''"), sa.text("array_id = ''")
    columns = ["array_id", "state", "array_index"]
    op.create_index(
        "ix_work_array_id_state_index", "work", columns, sqlite_where=of_an_array, postgresql_where=of_an_array
    )
    op.create_index("ix_work_number_of_none", "work", ["number"], sqlite_where=of_none, postgresql_where=of_none)
    # These files were those of the last round.
    op.execute(
        f"UPDATE blob_name SET role = role || '@' || CAST(({_LAST_ROUND}) AS TEXT)"  # all of it is ours  # nosec B608
        f" WHERE role IN ('model', 'optimizer') AND ({_LAST_ROUND}) IS NOT NULL"
    )
