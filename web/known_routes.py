"""Paths of the interface that are not there, and methods that they do not have: told as problems, not as pages.

Whatever may be asked by GET may be asked by HEAD, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from web.heads import answer_head
from web.problems import problem

_API = "/api/"
_METHODS = {"get", "post", "put", "patch", "delete", "head"}


class KnownRoutes:
    """Answers what the app's description of itself does not know; all else it lets through."""

    def __init__(self, app: ASGIApp, described: FastAPI) -> None:
        self._app = app
        self._described = described
        self._table: list[tuple[re.Pattern[str], frozenset[str]]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, method = scope["path"], scope["method"]
        known = next((methods for pattern, methods in self._patterns() if pattern.fullmatch(path)), None)
        allowed = known and known | ({"HEAD"} if "GET" in known else set())
        if allowed is None and path.startswith(_API):
            await problem(404, "not_found", "there is no such path; see /openapi.json")(scope, receive, send)
        elif allowed is not None and method not in allowed:
            names = ", ".join(sorted(allowed))
            answer = problem(405, "bad_request", f"only {names} may be asked of this path")
            answer.headers["Allow"] = names
            await answer(scope, receive, send)
        elif method == "HEAD" and (known is None or "HEAD" not in known):
            await answer_head(self._app, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _patterns(self) -> list[tuple[re.Pattern[str], frozenset[str]]]:
        """The paths with their methods, those without parameters first."""
        if self._table is None:
            paths: Mapping[str, Mapping[str, object]] = self._described.openapi()["paths"]
            self._table = [
                (_pattern(path), frozenset(method.upper() for method in _METHODS & {*paths[path]}))
                for path in sorted(paths, key=lambda path: path.count("{"))
            ]
        return self._table


def _pattern(path: str) -> re.Pattern[str]:
    # What stands at the end of the path of a `why` may have slashes in it.
    parts = (
        (r".+" if part == "{thing}" else r"[^/]+") if part.startswith("{") else re.escape(part)
        for part in path.split("/")
    )
    return re.compile("/".join(parts))
