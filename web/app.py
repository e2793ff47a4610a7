"""The application: the interface for programs, and the dashboard's pages on it."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import FastAPI

from web.api import make_api
from web.door import Door
from web.page_policy import PagePolicy
from web.pages.every_page import add_pages


def make_app(door: Door, *, tells_webhooks: bool = False, names: Collection[str] = ()) -> FastAPI:
    """Return the app that speaks for the coordinator behind `door`; the rest is as of `make_api`."""
    app = make_api(door, tells_webhooks=tells_webhooks, names=names)
    add_pages(app, door, app.state.live)
    app.add_middleware(PagePolicy)
    return app
