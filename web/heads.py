"""HEAD: what GET would answer, without its body; the server that we run under leaves that out."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


async def answer_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Have the app answer as if GET were asked; a stream or a long file is left as soon as its head is told."""
    is_asked, is_told, is_whole = False, asyncio.Event(), False

    async def ask() -> Message:
        nonlocal is_asked
        if is_asked:
            await is_told.wait()
            return {"type": "http.disconnect"}
        is_asked = True
        return await receive()

    async def tell(message: Message) -> None:
        nonlocal is_whole
        is_whole = message["type"] == "http.response.body" and not message.get("more_body", False)
        await send(message)
        if message["type"] == "http.response.start":
            is_told.set()

    await app({**scope, "method": "GET"}, ask, tell)
    if is_told.is_set() and not is_whole:
        await send({"type": "http.response.body", "body": b""})
