"""What pages may do in a browser: the strictest Content-Security-Policy that NiceGUI runs under.

It compiles templates in the browser, which needs eval, and sets styles on elements. Scripts in the page run only with
the page's own nonce, so that no script runs that somebody else got into it; nothing is loaded from elsewhere.
"""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
_FILE_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"


class PagePolicy:
    """Gives each page a nonce and its policy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if "text/html" in Headers(scope=scope).get("accept", ""):
            # What is packed could not be given a nonce.
            scope = {**scope, "headers": [each for each in scope["headers"] if each[0] != b"accept-encoding"]}
        await self._app(scope, receive, _Page(send).send)


class _Page:
    """One answer; the body of a page is held back until all of it is there."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            # A page with a policy of its own has no scripts.
            is_plain = "content-security-policy" in headers
            if headers.get("content-type", "").startswith("text/html") and not is_plain:
                self._start = message
                return
            headers.setdefault("Content-Security-Policy", _FILE_POLICY)
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._send_page(self._start)
            return
        await self._send(message)

    async def _send_page(self, start: Message) -> None:
        nonce = secrets.token_urlsafe(16)
        # What pages hold of others has no `<` any more: NiceGUI escapes it.
        body = bytes(self._body).replace(b"<script", f'<script nonce="{nonce}"'.encode())
        headers = MutableHeaders(scope=start)
        headers["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
        headers["Content-Length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body})
