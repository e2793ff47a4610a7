"""Who somebody is to the coordinator; for admins also the tokens of all."""

from __future__ import annotations

from nicegui import ui

from rpc.errors import Forbidden
from rpc.messages import HelloReply, Token
from web.door import Door
from web.pages.acting import attempt, button, confirmed
from web.pages.console import Console, Consoles
from web.pages.frame import frame, head, panel
from web.pages.routes import page
from web.pages.words import shown
from web.widgets.field import Field
from web.widgets.rows import Cell, Column, Row, Rows

ROLES = ("submitter", "viewer", "operator", "admin", "node")

_COLUMNS = (
    Column("token", "mono"),
    Column("role"),
    Column("owner"),
    Column("name", "long"),
    Column("made", "number"),
    Column("until", "number"),
    Column("", "acts"),
)
_LOG_OUT = """fetch('/logout', {method: 'POST'}).then(() => { location.href = '/login'; });"""


def add(consoles: Consoles) -> None:
    @page(consoles, "/settings")
    async def settings(console: Console) -> None:
        who = await console.door.greeting()
        tokens = await _tokens(console.door)
        with frame("Settings", console.live, where="/settings"):
            with head("Settings"), ui.element("div").classes("acts-bar"):
                if console.door.token:
                    button("Log out", _log_out)
            with ui.element("div").classes("board"):
                with panel("You"), ui.element("div").classes("panel-body"):
                    ui.label(shown(_about(who, console.door)))
                if tokens is not None:
                    TokensPanel(console.door).show(tokens)


class TokensPanel:
    """The tokens that are not revoked, and a form for another."""

    def __init__(self, door: Door) -> None:
        self._door = door
        with panel("Tokens", beside="by which others say who they are"):
            self._table = Rows(_COLUMNS, label="tokens", empty="There is no token yet.", on_act=self._act)
            with ui.element("div").classes("bar"):
                self._role = Field("role", "Role", ROLES[0], choices=ROLES)
                self._owner = Field("owner", "Owner of its work")
                self._name = Field("name", "What it is for")
                button("Make a token", self._create)
            self._made = ui.label("").classes("note mono").props('role="status"')
            self._made.visible = False

    def show(self, tokens: tuple[Token, ...]) -> None:
        """Show these."""
        self._table.show([_row(each) for each in tokens if not each.revoked_ms])

    async def _create(self) -> None:
        wish = (str(self._role.value), self._owner.text[:200], self._name.text[:200], 0, "")

        async def create() -> None:
            made: Token = await self._door.call("create_token", *wish)
            self._made.text = f"Copy it now, it is shown once: {made.secret}"
            self._made.visible = True

        if await attempt(create):
            self.show(await self._door.call("list_tokens"))

    async def _act(self, token_id: str, act: str) -> None:
        about = "Whatever is connected with it is cut off, and nobody is known by it any more."
        if act != "revoke" or not await confirmed(f"Revoke {shown(token_id, 20)}?", about, "Revoke"):
            return
        if await attempt(lambda: self._door.call("revoke_token", token_id), "Done."):
            self.show(await self._door.call("list_tokens"))


async def _tokens(door: Door) -> tuple[Token, ...] | None:
    """All tokens; None: this is not for whoever asks."""
    try:
        known: tuple[Token, ...] = await door.call("list_tokens")
    except Forbidden:
        return None
    return known


async def _log_out() -> None:
    ui.run_javascript(_LOG_OUT)


def _about(who: HelloReply, door: Door) -> str:
    if not door.token:
        return "This coordinator asks nobody who they are: everybody who reaches it may do everything."
    owner = f", for the work of {who.owner}" if who.owner else ""
    return f"Your token is of the role {who.role}{owner}."


def _row(token: Token) -> Row:
    cells: list[Cell] = [
        token.id,
        token.role,
        shown(token.owner or token.node),
        shown(token.name),
        {"ago": token.made_ms},
        {"until": token.expires_ms} if token.expires_ms else "",
        {"acts": ["revoke"]},
    ]
    return {"key": token.id, "cells": cells}
