"""Whatever others wrote is shown as text: no script of it runs, no element is made of it, no page breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser.payloads import ODD, SCRIPTS
from tests.web.browser.scene import start
from tests.web.browser.site import Site

_SAYS = """import json, os, sys
payloads = json.loads(sys.argv[1])
for number, each in enumerate(payloads):
    print(each, flush=True)
    print(each, file=sys.stderr, flush=True)
    if number < 10:
        print("PROGRESS: " + json.dumps({"step": number, each[:60]: number}), flush=True)
    name = "".join(c for c in each if c not in "/\\0")[:60]
    open(os.path.join("out", name), "w").close()
print("\\n\\nevent: end\\ndata: {}\\n\\n" + "\\x1b[31mred\\x1b]0;title\\x07\\u202e\\u2028")
print("y" * 10_000)
raise ValueError(" ".join(payloads[:5]))
"""


@pytest.fixture(scope="module")
def hostile(served: Site) -> Iterator[tuple[str, str]]:
    """Ids of a job and a run that are as hostile as can be, among many others."""
    with served.session() as session:
        texts = [each for each in (*SCRIPTS, *ODD) if each.isprintable() and each.strip()]
        for text in texts:
            session.submit_script(code="print()", name=text, select={"never": "here"}, force_queue=True)
        run = start(session, SCRIPTS[0], 3, 8, owner=SCRIPTS[2])
        start(session, SCRIPTS[2], 3, 8, select={"never": SCRIPTS[4]}, force_queue=True)
        job = session.submit_script(
            code=_SAYS, name=SCRIPTS[2], arguments=[json.dumps(SCRIPTS)], env={"X": SCRIPTS[0]}, owner=SCRIPTS[1]
        )
        for _ in job.follow(60):
            pass
        run.wait(60)
        yield job.id, run.id
        waiting = [row.id for row in session.jobs(limit=500, states=("pending",))]
        session.cancel_jobs(waiting)
        for row in session.runs(states=("pending",)):
            session.cancel(row.id)


def is_harmless(page: Page) -> None:
    assert page.evaluate("window.__ran") is None
    made = "script:not([nonce]), iframe, object, embed, marquee, [onerror], [onload], [onfocus], [onbegin], [ontoggle]"
    foreign = page.locator(made)
    assert [each.evaluate("e => e.outerHTML") for each in foreign.all()] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [1440, 390])
def test_lists_show_hostile_names_as_text(page: Page, hostile: tuple[str, str], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("/", "/jobs", "/jobs?state=pending", "/runs", "/events?all=true", "/nodes"):
        page.goto(path)
        expect(page.locator(".rows tbody tr").first).to_be_visible()
        is_harmless(page)


def test_a_jobs_log_error_metrics_artifacts_and_settings_are_text(page: Page, hostile: tuple[str, str]) -> None:
    page.goto(f"/jobs/{hostile[0]}")
    expect(page.locator("h1")).to_have_text(SCRIPTS[2])
    expect(page.locator(".head .state")).to_have_text("failed")
    expect(page.locator(".curve .key").first).to_be_visible()
    expect(page.get_by_label("artifacts").locator("tbody tr").nth(20)).to_be_visible()
    page.get_by_role("button", name="Top").click()
    expect(page.locator(".log-text").get_by_text(SCRIPTS[0], exact=True).first).to_be_visible()
    page.get_by_label("search the log").fill("event: end")
    page.get_by_role("button", name="Next match").click()
    expect(page.locator(".log-line.here")).to_contain_text("event: end")
    page.get_by_role("button", name="Why").click()
    expect(page.locator(".q-dialog .why, .q-dialog h2").first).to_be_visible()
    is_harmless(page)


def test_a_runs_name_and_settings_are_text(page: Page, hostile: tuple[str, str]) -> None:
    page.goto(f"/runs/{hostile[1]}")
    expect(page.locator("h1")).to_have_text(SCRIPTS[0])
    expect(page.locator(".facts")).to_contain_text(SCRIPTS[2])
    is_harmless(page)


@pytest.mark.parametrize(
    "path", ["/jobs/{}", "/runs/{}", "/nodes/{}", "/events?work={}&node={}", "/runs/compare?ids={}"]
)
def test_what_stands_in_a_path_is_text(page: Page, path: str) -> None:
    for text in (SCRIPTS[2], SCRIPTS[3], SCRIPTS[13], "{{constructor.constructor('window.__ran=1')()}}"):
        page.goto(path.format(*[quote(text, safe="")] * 2))
        expect(page.locator("h1")).to_be_visible()
        is_harmless(page)
