"""The application: the interface for programs, and the dashboard's pages on it."""

from __future__ import annotations

from fastapi import FastAPI
from nicegui import ui

from web.api import make_api
from web.door import Door
from web.pages import overview


def make_app(door: Door, *, tells_webhooks: bool = False) -> FastAPI:
    """Return the app that speaks for the coordinator behind `door`; of all such apps one tells the webhooks."""
    app = make_api(door, tells_webhooks=tells_webhooks)
    overview.add(door)
    ui.run_with(app, title="Roundhouse", show_welcome_message=False)
    return app
