"""All pages: usable by keyboard and by screen readers, in both colours, on a phone, and kept apart from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browser.scene import FAILS, start
from tests.web.browser.site import Site, site

_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
# Of Quasar's own frame around pages, and what is wrong with it; nothing else is let through.
_QUASARS: set[str] = set()


@pytest.fixture(scope="module")
def paths(served: Site) -> Iterator[list[str]]:
    with served.session() as session:
        run = start(session, "for all to see", 4, 16)
        run.wait(60)
        job = session.submit_script(code=FAILS)
        for _ in job.follow(60):
            pass
        node = session.nodes()[0].id
    yield [
        "/",
        "/runs",
        f"/runs/{run.id}",
        f"/runs/compare?ids={run.id},{run.id}",
        "/runs/new",
        "/jobs",
        f"/jobs/{job.id}",
        "/jobs/new",
        "/nodes",
        f"/nodes/{node}",
        "/workers",
        "/events?all=true",
        "/runs/none",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault_of_accessibility(page: Page, paths: list[str], scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    for path in paths:
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        page.evaluate(_AXE)
        found = page.evaluate("axe.run({resultTypes: ['violations']})")
        faults = [
            f"{path}: {each['id']}: {each['nodes'][0]['html'][:200]}: {each['nodes'][0]['failureSummary'][:300]}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical") and each["id"] not in _QUASARS
        ]
        assert faults == []


def test_no_page_is_wider_than_a_phone(page: Page, paths: list[str]) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for path in paths:
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_the_first_step_of_the_keyboard_leads_past_the_head(page: Page) -> None:
    page.goto("/runs")
    expect(page.locator("h1")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".page")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="New run")).to_be_focused()


def test_the_colours_that_were_chosen_are_remembered(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/")
    theme = page.locator("html")
    expect(theme).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="colours").click()
    expect(theme).to_have_attribute("data-theme", "light")
    page.goto("/runs")
    expect(theme).to_have_attribute("data-theme", "light")


def test_pages_load_nothing_from_elsewhere_and_say_what_they_may_do(page: Page, served: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto("/")
    expect(page.locator(".tile").first).to_be_visible()
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    for part in ("default-src 'none'", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'"):
        assert part in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert [url for url in asked if not url.startswith((served.url, "data:"))] == []


def test_a_script_without_the_nonce_of_its_page_does_not_run(browser: Browser, served: Site) -> None:
    page = browser.new_page(base_url=served.url)
    page.goto("/")
    expect(page.locator("h1")).to_be_visible()
    with page.expect_console_message(lambda said: "Content Security Policy" in said.text):
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.__ran=1\">')")
    assert page.evaluate("window.__ran") is None
    page.close()


def test_a_job_is_json_for_programs_and_a_page_for_browsers(page: Page, served: Site) -> None:
    with served.session() as session:
        job = session.submit_script(code="print()")
    answer = page.request.get(f"/jobs/{job.id}", headers={"Accept": "application/json"})
    assert answer.json()["id"] == job.id
    page.goto(f"/jobs/{job.id}")
    expect(page.locator("h1")).to_be_visible()


@pytest.mark.parametrize("path", ["/runs?before=abc", "/jobs?before=-1"])
def test_a_number_that_is_none_is_told_and_how_to_go_on(page: Page, path: str) -> None:
    answer = page.goto(path)
    assert answer is not None and 400 <= answer.status < 500
    expect(page.locator("h1")).to_have_text("Not understood")
    expect(page.locator(".note.bad")).to_contain_text("is no number; without it a list begins with the newest")


def test_programs_are_told_so_as_a_problem(page: Page) -> None:
    told = page.request.get("/runs?before=abc", headers={"Accept": "application/json"})
    assert told.headers["content-type"] == "application/problem+json" and told.json()["code"] == "bad_request"


@pytest.mark.parametrize("path", ["/nothing/here", "/runs/none", "/jobs/none", "/nodes/none", "/no-settings"])
def test_what_is_not_there_is_told_with_404_in_our_look_and_to_programs_as_a_problem(page: Page, path: str) -> None:
    answer = page.goto(path)
    assert answer is not None and answer.status == 404
    expect(page.locator("h1")).to_have_text("Not found")
    expect(page.locator("header.top .pulse")).to_contain_text("node")
    told = page.request.get(path, headers={"Accept": "application/json"})
    assert (told.status, told.headers["content-type"]) == (404, "application/problem+json")
    assert told.json()["code"] == "not_found"


def test_a_page_that_is_opened_while_the_coordinator_is_away_comes_when_it_is_back(
    browser: Browser, tmp_path: Path
) -> None:
    with site(tmp_path, nodes=0) as served:
        page = browser.new_page(base_url=served.url)
        served.cluster.coordinator.kill()
        answer = page.goto("/")
        assert answer is not None and answer.status == 503
        expect(page.locator("h1")).to_have_text("Not to be shown now")
        served.cluster.restart_coordinator()
        expect(page.locator("h1")).to_have_text("Overview")
        page.close()
