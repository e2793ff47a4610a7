"""Script jobs on the dashboard: handed in by the form, watched, cancelled, run again."""

from __future__ import annotations

import io
import re
import zipfile

from playwright.sync_api import Page, expect

from tests.web.browser.site import Site

SLOW = """import time
for number in range(100000):
    print(f"line {number}", flush=True)
    time.sleep(0.01)
"""


def bundle(program: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        packed.writestr("main.py", program)
    return made.getvalue()


def test_a_bundle_is_handed_in_its_log_and_its_curves_come_and_its_file_is_fetched(page: Page) -> None:
    program = """import json
for step in range(5):
    print("PROGRESS: " + json.dumps({"step": step, "loss": 1 / (step + 1)}), flush=True)
import sys
print(*sys.argv[1:], sep="|")
print("all of it is done")
open("out/answer.txt", "w").write("42")
"""
    page.goto("/jobs/new")
    page.get_by_label("Name").fill("by the form")
    files = [{"name": "by_form.zip", "mimeType": "application/zip", "buffer": bundle(program)}]
    page.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]
    page.get_by_label("Arguments").fill("--steps 5 'two words'")
    page.get_by_role("button", name="Start the job").click()
    page.wait_for_url(re.compile("/jobs/job-"))
    expect(page.locator("h1")).to_have_text("by the form")
    expect(page.locator(".head .state")).to_have_text("completed")
    expect(page.locator(".log-line").get_by_text("--steps|5|two words")).to_be_visible()
    expect(page.locator(".log-line").get_by_text("all of it is done")).to_be_visible()
    expect(page.locator(".curve .key")).to_contain_text("loss")
    with page.expect_download() as download:
        page.get_by_role("link", name="answer.txt").click()
    assert download.value.path().read_text() == "42"


def test_a_job_talks_and_is_cancelled(page: Page) -> None:
    page.goto("/jobs/new")
    page.get_by_label("Or Python code").fill(SLOW)
    page.get_by_role("button", name="Start the job").click()
    page.wait_for_url(re.compile("/jobs/job-"))
    expect(page.locator(".log-line").first).to_be_visible()
    told = page.locator(".log-text").last.inner_text()
    expect(page.locator(".log-text").last).not_to_have_text(told)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.locator(".head .state")).to_have_text("cancelled")
    assert page.locator(".log-line").count() < 200


def test_long_code_arrives_whole(page: Page) -> None:
    page.goto("/jobs/new")
    page.get_by_label("Or Python code").fill("# ä" * 200_000 + "\nprint('the end of it')")
    page.get_by_role("button", name="Start the job").click()
    page.wait_for_url(re.compile("/jobs/job-"))
    expect(page.locator(".log-line").get_by_text("the end of it")).to_be_visible()


def test_code_that_is_too_long_is_refused_and_not_lost(page: Page) -> None:
    page.goto("/jobs/new")
    code = page.get_by_label("Or Python code")
    code.fill("#" * 1_200_000)
    told = page.locator(".field.wrong .error")
    expect(told).to_have_text("this is more than the 900,000 bytes that a field takes; send it in a ZIP")
    page.get_by_label("Timeout, seconds").fill("soon")
    page.get_by_role("button", name="Start the job").click()
    expect(told).to_have_count(2)
    assert len(code.input_value()) == 1_200_000
    page.get_by_label("Timeout, seconds").fill("")
    code.fill("print('short')")
    page.get_by_role("button", name="Start the job").click()
    page.wait_for_url(re.compile("/jobs/job-"))


def test_a_fault_is_told_at_its_field(page: Page) -> None:
    page.goto("/jobs/new")
    page.get_by_label("Timeout, seconds").fill("soon")
    page.get_by_role("button", name="Start the job").click()
    expect(page.locator(".field.wrong .error")).to_have_text("'soon' is no number")
    page.get_by_label("Timeout, seconds").fill("")
    page.get_by_role("button", name="Start the job").click()
    expect(page.locator(".field.wrong .error")).to_have_text("type a program here, or drop a ZIP above")


def test_what_a_zip_would_not_be_given_is_not_passed_over(page: Page) -> None:
    page.goto("/jobs/new")
    files = [{"name": "a.zip", "mimeType": "application/zip", "buffer": bundle("print(1)")}]
    page.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]
    page.get_by_label("Or Python code").fill("print(2)")
    page.get_by_role("button", name="Start the job").click()
    either = page.get_by_text("either a ZIP or code: empty this, or load the page again")
    expect(either).to_be_visible()
    page.get_by_label("Or Python code").fill("")
    page.get_by_label("Requirements").fill("numpy")
    page.get_by_label("Arguments").fill("'open")
    page.get_by_role("button", name="Start the job").click()
    expect(page.get_by_text("a ZIP brings a requirements.txt of its own")).to_be_visible()
    expect(page.get_by_text("a quote is not closed")).to_be_visible()
    expect(either).not_to_be_visible()


def test_a_file_that_is_no_zip_is_refused_where_it_was_dropped(page: Page) -> None:
    page.goto("/jobs/new")
    files = [{"name": "notes.zip", "mimeType": "application/zip", "buffer": b"no ZIP"}]
    page.locator("input[type=file]").set_input_files(files)  # type: ignore[arg-type]
    with page.expect_response(lambda answer: answer.url.endswith("/bundle")) as answered:
        page.get_by_role("button", name="Start the job").click()
    assert answered.value.status == 422
    expect(page.locator(".drop .error")).to_contain_text("is no ZIP")


def test_a_job_waits_for_another_one_and_says_so(page: Page, served: Site) -> None:
    with served.session() as session:
        first = session.submit_script(code="print()", select={"never": "here"}, force_queue=True)
        page.goto("/jobs/new")
        page.get_by_label("Or Python code").fill("print('second')")
        page.get_by_label("After").fill(f"{first.id}:any")
        page.get_by_role("button", name="Start the job").click()
        page.wait_for_url(re.compile("/jobs/job-"))
        expect(page.locator(".note").first).to_contain_text(first.id)
        expect(page.locator(".facts")).to_contain_text(f"{first.id}:any")
        session.cancel_jobs([first.id])
    expect(page.locator(".head .state")).to_have_text("completed")


def test_a_job_is_started_again_and_again_paused_and_removed(page: Page, served: Site) -> None:
    page.goto("/jobs/new")
    page.get_by_label("Name").fill("every night")
    page.get_by_label("Or Python code").fill("print(1)")
    page.get_by_label("Again and again").fill("never")
    page.get_by_role("button", name="Start the job").click()
    expect(page.get_by_role("alert").filter(has_text="never")).to_be_visible()
    page.get_by_label("Again and again").fill("30 2 * * *")
    page.get_by_role("button", name="Start the job").click()
    page.wait_for_url(re.compile("/jobs$"))
    row = page.get_by_role("table", name="schedules").locator("tbody tr")
    expect(row).to_contain_text("every night")
    expect(row.locator(".state")).to_have_text("active")
    row.get_by_role("button", name="pause").click()
    expect(row.locator(".state")).to_have_text("paused")
    row.get_by_role("button", name="remove").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(row).to_have_count(0)
    with served.session() as session:
        assert session.schedules() == ()


def test_an_array_shows_its_jobs_by_state_and_what_failed_runs_again(page: Page) -> None:
    page.goto("/jobs/new")
    page.get_by_label("Or Python code").fill("import os; assert os.environ['ROUNDHOUSE_ARRAY_INDEX'] != '2'")
    page.get_by_label("Array", exact=True).fill("1-3")
    page.get_by_role("button", name="Start the job").click()
    page.wait_for_url(re.compile("/jobs/job-"))
    array = page.url
    expect(page.locator(".head .state")).to_have_text("failed")
    table = page.get_by_role("region", name="Its jobs")
    expect(table.locator("tbody tr")).to_have_count(3)
    table.get_by_role("link", name="Failed").click()
    expect(table.locator("tbody tr")).to_have_count(1)
    table.get_by_role("link", name="2", exact=True).click()
    expect(page.locator(".log-line").get_by_text("AssertionError")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Run the failed ones again").click()
    page.wait_for_url(lambda url: "?" not in url and url != array)
    expect(page.locator(".head .state")).to_have_text("failed")
    expect(page.get_by_role("region", name="Its jobs").locator("tbody tr")).to_have_count(1)
