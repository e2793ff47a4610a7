"""Tokens, and the log of who did what: for admins."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import Field

from rpc.messages import AuditRow, Token
from rpc.run_spec import MAX_NAME
from web.rest.door import ItsDoor
from web.rest.models import Strict
from web.rest.names import PRINTABLE

router = APIRouter(tags=["tokens"])

_Text = Annotated[str, Field(max_length=MAX_NAME, pattern=PRINTABLE)]
_Moment = Annotated[int, Field(ge=0, lt=2**53)]
_Id = Annotated[str, Path(pattern="^[0-9A-Za-z]{10}$")]
_Limit = Annotated[int, Query(ge=1, le=1000)]
_Before = Annotated[int, Query(ge=0, lt=2**53)]


class NewToken(Strict):
    """Attributes: owner, of the work that is submitted with it; name, what it is for; expires_ms, since 1970, 0: never;
    node, identity of the one node that it is for.
    """

    role: Literal["viewer", "submitter", "operator", "admin", "node"]
    owner: _Text = ""
    name: _Text = ""
    expires_ms: _Moment = 0
    node: _Text = ""


@router.get("/tokens")
async def list_tokens(door: ItsDoor) -> list[Token]:
    """All tokens, without their secrets."""
    known: tuple[Token, ...] = await door.call("list_tokens")
    return list(known)


@router.post("/tokens", status_code=201)
async def create_token(door: ItsDoor, new: NewToken) -> Token:
    """Make a token. Its `secret`, the token itself, is told here and never again."""
    made: Token = await door.call("create_token", new.role, new.owner, new.name, new.expires_ms, new.node)
    return made


@router.delete("/tokens/{id}")
async def revoke_token(door: ItsDoor, id: _Id) -> Token:
    """Take a token back: what is connected with it is cut off. Answered with what it is now."""
    told: Token = await door.call("revoke_token", id)
    return told


@router.get("/audit")
async def list_audit(door: ItsDoor, before: _Before = 0, limit: _Limit = 100) -> list[AuditRow]:
    """What was done and what was refused, the newest first; with `before` those of lower numbers."""
    rows: tuple[AuditRow, ...] = await door.call("list_audit", before, limit)
    return list(rows)
