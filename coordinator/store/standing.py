"""Questions to the store about what stands beside the work: nodes, schedules, webhooks, tokens, the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Select, select

from coordinator.store.changes import NodeSeen, WebhookKept
from coordinator.store.failures import told_apart
from coordinator.store.identities import all_tokens, audit_page
from coordinator.store.identity_changes import TokenKept
from coordinator.store.schema import node, schedule, webhook
from rpc.messages import AuditRow


class Standing:
    """The part of a Reader for these; it asks as that does."""

    def __init__(self, name: str, engine: Engine) -> None:
        self._name = name
        self._engine = engine

    def nodes(self) -> tuple[NodeSeen, ...]:
        """All nodes, by id."""
        return tuple(NodeSeen(**row) for row in self._rows(select(node).order_by(node.c.id)))

    def schedules(self) -> tuple[bytes, ...]:
        """All schedules as they were kept, the first one first."""
        rows = self._rows(select(schedule.c.body).order_by(schedule.c.made_ms, schedule.c.id))
        return tuple(row["body"] for row in rows)

    def webhooks(self) -> tuple[WebhookKept, ...]:
        """All webhooks, the first one first."""
        rows = self._rows(select(webhook).order_by(webhook.c.made_ms, webhook.c.id))
        return tuple(WebhookKept(**{**row, "states": tuple(row["states"])}) for row in rows)

    def tokens(self) -> tuple[TokenKept, ...]:
        """All tokens, the first one first."""
        return tuple(TokenKept(**row) for row in self._rows(all_tokens()))

    def audit(self, *, before: int, limit: int) -> tuple[AuditRow, ...]:
        """The newest rows of the audit log, those numbered below `before` if that is not 0, the newest first."""
        return tuple(AuditRow(**row) for row in self._rows(audit_page(before=before, limit=limit)))

    def _rows(self, question: Select[Any]) -> Sequence[RowMapping]:
        with self._connection() as connection:
            return connection.execute(question).mappings().all()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with told_apart(self._name), self._engine.connect() as connection:
            yield connection
