"""Who asks, by a header or by the cookie of the dashboard: whoever is not known is turned away before anything else.

The cookie acts only for pages of this origin: who changes anything by it must say so, as browsers do.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from rpc.errors import Forbidden, TooMany, TrainerError, Unauthenticated
from web.admission import Admission
from web.guard import FOR_PROGRAMS
from web.problems import problem_of
from web.visitors import Visitors

LOGIN = "/login"

_SAFE = ("GET", "HEAD", "OPTIONS")
_OPEN = ("/health", LOGIN, "/console/console.css")
_OPEN_BELOW = ("/_nicegui/",)  # scripts and styles, which are the same everywhere
_BEARER = "bearer "
_POLICY_VIOLATED = 1008


class Credentials:
    """Finds out as whom the coordinator is to be asked: `request.state.token`."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        token = ""
        if not is_open(scope["path"]):
            try:
                token = shown_token(scope)
                await self._check(scope, token)
            except TrainerError as error:
                await _turn_away(scope, receive, send, error)
                return
        scope.setdefault("state", {})["token"] = token
        if scope["type"] == "http":
            await self._app(scope, receive, send)
            return
        try:
            with self._admission.page(_host(scope), token):
                await self._app(scope, receive, send)
        except TooMany as error:
            await _turn_away(scope, receive, send, error)

    async def _check(self, scope: Scope, token: str) -> None:
        visitors: Visitors = scope["app"].state.visitors
        host = _host(scope)
        try:
            await self._admission.admit(visitors, host, token)
        except (Unauthenticated, TooMany):
            raise
        except TrainerError:
            pass  # the coordinator is away, which is told by what is asked for
        self._admission.pace(host, token, scope.get("method", "GET"), scope["path"])


def _host(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def is_open(path: str) -> bool:
    """Whether everybody may ask for it."""
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def cookie_name(scope: Scope) -> str:
    """What the cookie is called: browsers do not keep those of several ports apart."""
    return f"roundhouse_{scope['server'][1] if scope.get('server') else 0}"


def shown_token(scope: Scope) -> str:
    """Return the token of a request; empty: it has none.

    Raises:
        Unauthenticated: the header is of another kind.
        Forbidden: the cookie would act for a page that does not say whose it is.
    """
    headers = Headers(scope=scope)
    said = headers.get("authorization")
    if said is not None:
        if not said.lower().startswith(_BEARER):
            raise Unauthenticated("only tokens are known here, as in `Authorization: Bearer rh_...`")
        return said[len(_BEARER) :].strip()
    token = HTTPConnection(scope).cookies.get(cookie_name(scope), "")
    acts = scope["type"] == "websocket" or scope["method"] not in _SAFE
    if token and acts and "origin" not in headers and headers.get("sec-fetch-site") != "same-origin":
        raise Forbidden("a cookie acts for pages of this origin alone; programs show `Authorization: Bearer rh_...`")
    return token


def wants_page(scope: Scope) -> bool:
    """Whether a browser asks for a page."""
    accepts = Headers(scope=scope).get("accept", "")
    return scope["method"] in ("GET", "HEAD") and "text/html" in accepts and not scope["path"].startswith(FOR_PROGRAMS)


async def _turn_away(scope: Scope, receive: Receive, send: Send, error: TrainerError) -> None:
    if scope["type"] == "websocket":
        await WebSocketClose(_POLICY_VIOLATED)(scope, receive, send)  # before it is accepted: a 403
    elif isinstance(error, Unauthenticated) and wants_page(scope):
        query = scope["query_string"].decode("latin-1")
        there = scope["path"] + (f"?{query}" if query else "")
        await RedirectResponse(f"{LOGIN}?next={quote(there, safe='')}", 303)(scope, receive, send)
    else:
        await problem_of(error)(scope, receive, send)
