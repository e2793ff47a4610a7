"""The application: the interface for programs, and the dashboard's pages on it."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import FastAPI

from web.admission import Admission
from web.api import make_api
from web.page_policy import PagePolicy
from web.pages.every_page import add_pages
from web.visitors import Visitors


def make_app(
    visitors: Visitors,
    *,
    tells_webhooks: bool = False,
    names: Collection[str] = (),
    admission: Admission | None = None,
) -> FastAPI:
    """Return the app that asks the coordinator for its visitors; the rest is as of `make_api`."""
    app = make_api(visitors, tells_webhooks=tells_webhooks, names=names, admission=admission)
    add_pages(app, visitors)
    app.add_middleware(PagePolicy)
    return app
