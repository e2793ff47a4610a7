"""What every request must be before anything looks at it, and what every answer says to browsers.

A page of elsewhere must not make a browser act here: whoever sends `Origin` must be of this origin, and on loopback
only names of loopback are answered, so that no name of elsewhere can be led here (DNS rebinding). Where this is reached
in other ways, somebody can say what it is called.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from web.problems import problem

_SAFE = ("GET", "HEAD", "OPTIONS")
_SOCKET = "/_nicegui_ws/"  # what stands in for a socket where there is none: it acts, and lets anybody read its answers
_POLICY_VIOLATED = 1008
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{0,5})?", re.ASCII)
_FOR_ALL = ("/_nicegui/", "/console/")  # scripts and styles, which are the same for everybody
FOR_PROGRAMS = ("/api/", "/classic/", "/health", "/metrics", "/openapi.json")


class Guard:
    """Refuses what comes from elsewhere; adds to each answer what keeps it from being taken for something else."""

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        """`names` are all that this is called; none: on loopback those of loopback, elsewhere any."""
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        fault = self._misnamed(scope, headers.get("host", "")) or _fault(scope, headers)
        if fault and scope["type"] == "websocket":
            await WebSocketClose(_POLICY_VIOLATED)(scope, receive, send)  # before it is accepted: a 403
        elif fault:
            await problem(403, "refused", fault)(scope, receive, _adding(send, scope["path"]))
        elif "," in headers.get("range", ""):
            await problem(416, "bad_request", "one range at a time")(scope, receive, _adding(send, scope["path"]))
        else:
            await self._app(scope, receive, _adding(send, scope["path"]))

    def _misnamed(self, scope: Scope, host: str) -> str:
        """Why who calls it so is not answered; empty: that is its name."""
        name = _name_in(host)
        if host and not name:
            return f"{host[:100]!r} is no name of a host"
        if self._names and name not in self._names:
            return f"this is not called {host[:100]!r}; --called says what it is called"
        if not self._names and _is_loopback(scope) and not _is_of_loopback(name):
            return f"this is served on loopback, which is not called {host[:100]!r}; ask for localhost"
        return ""


def _fault(scope: Scope, headers: Headers) -> str:
    """Why a request is not answered; empty: it is."""
    host = headers.get("host", "")
    if scope["type"] == "http" and scope["method"] in _SAFE and not scope["path"].startswith(_SOCKET):
        return ""
    origin = headers.get("origin")
    if origin is not None and not _is_of(origin, host):
        return f"pages of {origin[:100]!r} must not act here"
    if origin is None and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return "pages of elsewhere must not act here"
    return ""


def _is_of(origin: str, host: str) -> bool:
    """Whether a page of this origin is one of the host that is asked; `null`, and what is no origin, never is."""
    try:
        theirs = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(theirs) and theirs.lower() == host.lower()


def _is_loopback(scope: Scope) -> bool:
    """Whether the request came to an address of loopback."""
    try:
        return bool(scope["server"]) and ipaddress.ip_address(scope["server"][0]).is_loopback
    except ValueError:
        return False


def _name_in(host: str) -> str:
    """The name in the header Host, without port; empty: there is none."""
    found = _HOST.fullmatch(host)
    return found[1].strip("[]").lower() if found else ""


def _is_of_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _adding(send: Send, path: str) -> Send:
    """`send`, which adds our headers to the answer where they are not set."""

    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if path.startswith(FOR_PROGRAMS):
                headers.setdefault("Content-Security-Policy", _API_POLICY)
            if not path.startswith(_FOR_ALL):  # `/jobs` is JSON for one and a page for another
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return adding
