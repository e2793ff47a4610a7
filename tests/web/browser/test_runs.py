"""Training runs on the dashboard: started by the form, watched as they go, and as nodes die."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from roundhouse import Session
from tests.system.cluster import LETTERS
from tests.web.browser.scene import start
from tests.web.browser.site import Site, site

_CURVE = "figure.curve >> nth=0 >> g[class^=ink] path"


def points(page: Page) -> int:
    """How many rounds the first curve shows."""
    found = page.locator(_CURVE)
    return (found.first.get_attribute("d") or "").count("L") if found.count() else 0


def model_of(session: Session, run_id: str) -> str:
    return session.run(run_id).wait(60).model_sha256


def test_a_run_from_the_form_grows_its_curve_and_ends_as_the_command_line_would(page: Page, served: Site) -> None:
    page.goto("/runs/new")
    page.get_by_label("Rounds", exact=True).fill("120")
    page.get_by_label("Epochs a round").fill("2")
    page.get_by_label("Hidden layers").fill("96")
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile("/runs/run-"))
    expect(page.locator(".head .state")).to_have_text("running")
    page.wait_for_function("document.querySelectorAll('.curve g[class^=ink] path').length > 0")
    early = points(page)
    page.wait_for_function(
        f"document.querySelector('.curve g[class^=ink] path').getAttribute('d').split('L').length > {early + 5}"
    )
    expect(page.locator(".head .state")).to_have_text("completed")
    expect(page.locator(".matrix td.right").first).to_be_visible()
    with served.session() as session:
        twin = session.submit(LETTERS, rounds=120, epochs=2, hidden=96, eta=0.05, optimizer="sgd").wait(60)
        assert model_of(session, page.url.rpartition("/")[2]) == twin.model_sha256
    expect(page.locator(".tiles")).to_contain_text(f"{100 * twin.validation_error:.2f} %")


def test_what_is_no_number_and_what_is_out_of_bounds_is_told_at_its_field(page: Page) -> None:
    page.goto("/runs/new")
    page.get_by_label("Learning rate").fill("-1")
    page.get_by_role("button", name="Start the run").click()
    expect(page.locator(".field.wrong")).to_contain_text("greater than 0")
    page.get_by_label("Learning rate").fill("0.1")
    page.get_by_label("Hidden layers").fill("many")
    page.get_by_role("button", name="Start the run").click()
    expect(page.locator(".field.wrong")).to_contain_text("whole numbers")


def test_files_from_the_browser_are_trained_on(page: Page, tmp_path: Path) -> None:
    rows = "".join(f"{n % 5},{n % 3},{n % 2}\n" for n in range(200))
    names = ("train_a.txt", "train_b.txt", "validate.txt")
    for name in names:
        (tmp_path / name).write_text(rows)
    page.goto("/runs/new")
    page.get_by_label("Train on").select_option("files from here")
    page.locator("input[type=file]").set_input_files([tmp_path / name for name in names])
    expect(page.locator(".drop li")).to_contain_text(["sent"] * 3)
    page.get_by_label("Rounds", exact=True).fill("3")
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile("/runs/run-"))
    expect(page.locator(".head .state")).to_have_text("completed")
    expect(page.locator(".facts")).to_contain_text("2 shards")


def test_a_run_is_cancelled_and_goes_on_from_where_it_was(page: Page, served: Site) -> None:
    with served.session() as session:
        run = start(session, "cut short", 3000, 64)
    page.goto(f"/runs/{run.id}")
    page.wait_for_function("document.querySelectorAll('.curve g[class^=ink] path').length > 0")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.locator(".head .state")).to_have_text("cancelled")
    page.get_by_role("button", name="Resume").click()
    page.wait_for_url(lambda url: "/runs/" in url and not url.endswith(run.id))
    expect(page.locator(".facts")).to_contain_text(run.id)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.locator(".head .state")).to_have_text("cancelled")


def test_runs_are_compared_by_what_was_set_otherwise(page: Page, served: Site) -> None:
    with served.session() as session:
        runs = [start(session, name, 3, hidden) for name, hidden in (("narrow", 8), ("wide", 16))]
        for run in runs:
            run.wait(60)
    page.goto("/runs")
    for run in runs:
        page.get_by_label(f"choose {run.id}").check()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url(re.compile("/runs/compare"))
    expect(page.get_by_label("settings that differ").locator("tbody tr")).to_have_text(["hidden816"])
    expect(page.locator(".curve").first.locator(".key")).to_have_count(2)


def test_a_killed_node_shows_as_a_retry_in_the_rounds(browser: Browser, tmp_path: Path) -> None:
    with site(tmp_path, nodes=2) as served, served.session() as session:
        run = start(session, "with a loss", 2000, 1000)
        page = browser.new_page(base_url=served.url)
        page.goto(f"/runs/{run.id}")
        expect(page.locator(".try.is-done").first).to_be_visible()
        served.cluster.nodes[0].kill()
        expect(page.locator(".try", has_text="↻").first).to_be_visible()
        page.locator(".try", has_text="↻").first.click()
        expect(page.get_by_label("attempts of one task").locator("tbody tr").first).to_contain_text("failed")
        run.cancel()
        page.close()
