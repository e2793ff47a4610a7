"""The page where somebody shows a token to the dashboard, and what becomes of it: a cookie that no script can read."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from rpc.errors import TrainerError
from rpc.tokens import id_of
from web.admission import Admission
from web.credentials import LOGIN, cookie_name
from web.problems import problem_of

router = APIRouter(include_in_schema=False)

_MOST_BYTES = 8192  # of what the form sends
_POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "object-src 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · Roundhouse</title><link rel="stylesheet" href="/console/console.css"></head>
<body><main class="page"><div class="head"><h1>Log in</h1></div>
<section class="panel" aria-label="Log in"><form method="post" action="{action}" class="panel-body">
<p><label for="token">Token</label></p>
<p><input id="token" name="token" type="password" autocomplete="current-password" required autofocus></p>
<p role="alert" class="bad">{fault}</p>
<p><button type="submit" class="button main">Log in</button></p>
<p class="soft">An admin makes you one: <code>python client.py token create --role submitter --owner NAME</code></p>
</form></section></main></body></html>
"""


@router.get(LOGIN)
async def show_login(next: str = "/") -> Response:
    """The page with the form."""
    return _page(next)


@router.post(LOGIN)
async def log_in(request: Request, next: str = "/") -> Response:
    """Take a token, if the coordinator knows it."""
    body = await request.body()
    token = parse_qs(body[:_MOST_BYTES].decode("ascii", "replace")).get("token", [""])[0].strip()
    admission: Admission = request.app.state.admission
    host = request.client.host if request.client else ""
    try:
        id_of(token)
        await admission.admit(request.app.state.visitors, host, token)
    except TrainerError as error:
        told = problem_of(error)
        answer = _page(next, str(error), told.status_code)
        if "retry-after" in told.headers:
            answer.headers["Retry-After"] = told.headers["retry-after"]
        return answer
    welcome = RedirectResponse(_safe(next), 303)
    welcome.set_cookie(
        cookie_name(request.scope), token, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return welcome


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """Forget it."""
    answer = RedirectResponse(LOGIN, 303)
    answer.delete_cookie(cookie_name(request.scope), httponly=True, samesite="strict")
    return answer


def _page(then: str, fault: str = "", status: int = 200) -> Response:
    text = _PAGE.format(action=escape(f"{LOGIN}?next={quote(_safe(then), safe='')}"), fault=escape(fault))
    return HTMLResponse(text, status, {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"})


def _safe(path: str) -> str:
    """A path of this server; whatever else is asked for is the first page."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"
