"""All pages, put on the app."""

from __future__ import annotations

from fastapi import FastAPI
from nicegui import ui

from web.pages import compare, events, frame, job, jobs, new_job, new_run, node, nodes, overview, run, runs, settings
from web.pages.console import Consoles
from web.pages.routes import unknown_path
from web.visitors import Visitors

_HISTORY = 200  # messages that are kept for a browser that was away for a moment


def add_pages(app: FastAPI, visitors: Visitors) -> None:
    """Have the app serve the dashboard beside what it serves."""
    consoles = Consoles(visitors)
    # Those with a fixed path first: the first one that fits is taken.
    for module in (overview, new_run, compare, runs, run, new_job, jobs, job, nodes, node, events, settings):
        module.add(consoles)
    frame.set_up()
    ui.run_with(
        app,
        root=unknown_path(consoles),
        title="Roundhouse",
        language="en-US",
        tailwind=False,
        binding_refresh_interval=None,
        message_history_length=_HISTORY,
        show_welcome_message=False,
    )
