"""Tokens and the audit log in the database: how they are written, thinned, and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Delete, Select, bindparam, delete, func, insert, select

from coordinator.store import statements as sql
from coordinator.store.identity_changes import Audited, TokenKept, TokenRemoved
from coordinator.store.schema import audit, token
from rpc.messages import AuditRow

AUDIT_ROWS = 50_000  # of the log that are kept: the newest

_REMOVE = delete(token).where(token.c.id == bindparam("of"))
_NEWEST = select(func.max(audit.c.number)).scalar_subquery()


def thinning(keep: int) -> Delete:
    """Remove all rows of the audit log but the newest."""
    return delete(audit).where(audit.c.number <= _NEWEST - keep)


_THIN = thinning(AUDIT_ROWS)


def write_tokens(connection: Connection, news: Sequence[TokenKept | TokenRemoved]) -> list[int]:
    """Write what became of tokens; nothing of it is ever late."""
    newest = {each.id: each for each in news}.values()
    kept = [asdict(each) for each in newest if isinstance(each, TokenKept)]
    if kept:
        connection.execute(sql.replace(connection.dialect.name, token), kept)
    removed = [{"of": each.id} for each in newest if isinstance(each, TokenRemoved)]
    if removed:
        connection.execute(_REMOVE, removed)
    return []


def write_audit(connection: Connection, rows: Sequence[Audited]) -> list[int]:
    """Add to the log, whose oldest rows give way."""
    connection.execute(insert(audit), [asdict(each) for each in rows])
    connection.execute(_THIN)
    return []


def all_tokens() -> Select[Any]:
    """Ask for all tokens, the first one first."""
    return select(token).order_by(token.c.made_ms, token.c.id)


def audit_page(*, before: int, limit: int) -> Select[Any]:
    """Ask for the newest rows of the log, with numbers below `before`, if that is not 0."""
    page = select(*(audit.c[name] for name in AuditRow.__dataclass_fields__))
    return (page.where(audit.c.number < before) if before else page).order_by(audit.c.number.desc()).limit(limit)
