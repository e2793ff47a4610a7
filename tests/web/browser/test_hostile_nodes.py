"""Whatever nodes say of themselves is shown as text and as numbers that can be drawn; programs get valid JSON of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from rpc.messages import NodeRow
from tests.system.cluster import Program, wait_until
from tests.web.browser.hostile_nodes import TEXTS
from tests.web.browser.payloads import SCRIPTS
from tests.web.browser.site import Site, site
from tests.web.browser.test_hostile_text import is_harmless

_NAMED = ("--name", SCRIPTS[2], "--label", f"{SCRIPTS[3].replace('=', ' ')}={SCRIPTS[4]}", "--label", "zone=\u202eb")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, tuple[NodeRow, ...]]]:
    """A site with a real node whose owner is hostile, and many that are hostile themselves."""
    with site(tmp_path_factory.mktemp("crowd"), nodes=1, node_arguments=_NAMED) as served, served.session() as session:
        hostile = Program("-m", "tests.web.browser.hostile_nodes", str(served.cluster.coordinator.port))
        try:
            wait_until(lambda: len(session.nodes()) > len(TEXTS), "all are there")
            wait_until(lambda: all("late" in row.labels for row in session.nodes() if row.source == "joined"), "beats")
            yield served, session.nodes()
        finally:
            hostile.stop()


@pytest.fixture
def page(browser: Browser, crowd: tuple[Site, tuple[NodeRow, ...]]) -> Iterator[Page]:
    complaints: list[str] = []
    context = browser.new_context(base_url=crowd[0].url)
    page = context.new_page()
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    yield page
    context.close()
    assert complaints == []


@pytest.mark.parametrize("width", [1440, 390])
def test_lists_show_what_nodes_say_as_text(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/nodes")
    rows = page.get_by_role("table", name="nodes").locator("tbody tr")
    expect(rows).to_have_count(len(TEXTS) + 1)
    expect(rows.get_by_text(SCRIPTS[2], exact=True).first).to_be_visible()
    expect(page.locator(".use .spark").nth(20)).to_be_visible()
    is_harmless(page)
    for path in ("/", "/events?all=true"):
        page.goto(path)
        expect(page.locator(".rows tbody tr").first).to_be_visible()
        is_harmless(page)


def test_the_own_pages_of_nodes_show_it_as_text(page: Page, crowd: tuple[Site, tuple[NodeRow, ...]]) -> None:
    for row in crowd[1][::3]:
        page.goto(f"/nodes/{row.id}")
        expect(page.locator(".facts")).to_contain_text(row.identity)
        expect(page.locator(".curve").first).to_be_visible()
        is_harmless(page)
    page.get_by_role("button", name="Why").click()
    expect(page.locator(".q-dialog h2")).to_be_visible()
    is_harmless(page)


@pytest.mark.parametrize("path", ["/api/v1/nodes", "/api/v1/overview", "/metrics"])
def test_programs_get_all_of_it_as_what_can_be_read(page: Page, path: str) -> None:
    answer = page.request.get(path)
    assert answer.status == 200
    if path != "/metrics":
        json.loads(answer.text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
