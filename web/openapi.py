"""What `/openapi.json` says of the app: the routes by the paths at which they stand for who asks."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

_BEHIND = "/classic"  # see web.classic: where GET /jobs is led to


def describe(app: FastAPI) -> None:
    """Have the app tell of itself so."""
    usual = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = usual()
            paths: dict[str, Any] = schema["paths"]
            for path in [each for each in paths if each.startswith(_BEHIND)]:
                paths.setdefault(path.removeprefix(_BEHIND), {}).update(paths.pop(path))
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
