"""Who is told when work changes its state."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from client.keys import new_key
from rpc.messages import Webhook
from web.rest.door import ItsDoor
from web.rest.names import Key

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

State = Literal["running", "completed", "failed", "cancelled"]
Name = Annotated[str, Path(pattern="^webhook-[0-9a-f]{8}$")]


class NewWebhook(BaseModel):
    """Attributes: url; states of which it is told, all if there are none; a secret of one's own (`whsec_...`)."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(max_length=2000)]
    states: Annotated[list[State], Field(max_length=4)] = []
    secret: Annotated[str, Field(max_length=200)] = ""


@router.get("")
async def list_webhooks(door: ItsDoor) -> list[Webhook]:
    """All webhooks, without their secrets."""
    known: tuple[Webhook, ...] = await door.call("list_webhooks", False)
    return list(known)


@router.post("", status_code=201)
async def add_webhook(door: ItsDoor, new: NewWebhook, idempotency_key: Key = "") -> Webhook:
    """Have a URL told from now on. The secret is told here, to who says the same key once more, and never again."""
    key = idempotency_key or new_key()
    made: Webhook = await door.call("add_webhook", new.url, tuple(new.states), new.secret, key)
    return made


@router.delete("/{name}", status_code=204)
async def remove_webhook(door: ItsDoor, name: Name) -> None:
    """Tell it no more."""
    await door.call("remove_webhook", name)
