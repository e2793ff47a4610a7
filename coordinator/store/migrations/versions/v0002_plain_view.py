"""Schema 0002: how long rounds took to be committed, and the events of a node."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what is new."""
    op.add_column("round", sa.Column("commit_s", sa.Double(), nullable=True))
    of_a_node = sa.text("node <> ''")
    op.create_index(
        "ix_event_node_number", "event", ["node", "number"], sqlite_where=of_a_node, postgresql_where=of_a_node
    )
