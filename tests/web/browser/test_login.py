"""Logging in to the dashboard, making tokens there, and what becomes of a page whose token is revoked."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from rpc.tokens import id_of
from tests.system.guarded import Guarded

_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with Guarded(tmp_path_factory.mktemp("guarded")) as guarded:
        yield guarded


@pytest.fixture
def page(browser: Browser, guarded: Guarded) -> Iterator[Page]:
    context = browser.new_context(base_url=guarded.url)
    yield context.new_page()
    context.close()


def log_in(page: Page, token: str, then: str = "/") -> None:
    page.goto(then)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()


def faults(page: Page) -> list[str]:
    page.evaluate(_AXE)
    found: dict[str, Any] = page.evaluate("axe.run({resultTypes: ['violations']})")
    serious = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in serious]


def test_a_wrong_token_is_told_and_a_right_one_leads_to_what_was_asked_for(page: Page, guarded: Guarded) -> None:
    log_in(page, guarded.tokens["viewer"][:-1] + "!", "/nodes")
    expect(page.get_by_role("alert")).to_contain_text("not copied whole")
    assert faults(page) == []
    page.get_by_label("Token").fill(guarded.tokens["viewer"])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Nodes").first).to_be_visible()
    assert page.url.endswith("/nodes")
    assert guarded.tokens["viewer"] not in page.content()
    assert page.evaluate("document.cookie") == ""


def test_an_admin_makes_a_token_and_revokes_it_and_a_viewer_sees_none(page: Page, guarded: Guarded) -> None:
    log_in(page, guarded.tokens["viewer"], "/settings")
    expect(page.get_by_text("Your token is of the role viewer.")).to_be_visible()
    expect(page.get_by_role("region", name="Tokens")).to_have_count(0)
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    log_in(page, guarded.tokens["admin"], "/settings")
    page.get_by_label("Owner of its work").fill("carol")
    page.get_by_label("What it is for").fill("desk")
    page.get_by_role("button", name="Make a token").click()
    told = page.get_by_text("it is shown once")
    expect(told).to_be_visible()
    secret = (told.text_content() or "").rpartition(" ")[2]
    with guarded.session(secret) as carol:
        assert carol.link.greeted().owner == "carol"
    assert faults(page) == []
    row = page.get_by_role("row").filter(has_text=id_of(secret))
    row.get_by_role("button", name="revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)


def test_a_page_whose_token_is_revoked_shows_nothing_new_and_says_why(page: Page, guarded: Guarded) -> None:
    token = guarded.create("operator")
    log_in(page, token.secret, "/jobs")
    expect(page.get_by_role("heading", name="Jobs").first).to_be_visible()
    guarded.admin.revoke_token(token.id)
    expect(page.locator(".away-note")).to_contain_text("was revoked")
    page.goto("/jobs")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
