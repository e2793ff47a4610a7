"""Fixtures: one browser and one cluster with its pages for all tests, and a page that must not complain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.compute_node.scripts.conftest import need
from tests.web.browser.site import Site, chromium, site

TIMEOUT_MS = 30_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    need("chromium")
    expect.set_options(timeout=TIMEOUT_MS)
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    need("bwrap")
    with site(tmp_path_factory.mktemp("site")) as served:
        yield served


@pytest.fixture
def page(browser: Browser, served: Site) -> Iterator[Page]:
    """A page of the site; whatever its console complains of fails the test, a script that was refused too."""
    complaints: list[str] = []
    context = browser.new_context(base_url=served.url)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()

    def hear(said: ConsoleMessage) -> None:
        # The browser says so of every answer of 400 and above, also where the page shows it.
        if said.type == "error" and "Failed to load resource" not in said.text:
            complaints.append(said.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    yield page
    context.close()
    assert complaints == []
