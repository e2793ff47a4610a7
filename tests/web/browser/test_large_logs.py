"""A log of 1 GB opens at once, is searched, followed and downloaded, and costs neither program much memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from rpc.kept_log import TAIL_BYTES, KeptLog, Record
from tests.system.cluster import wait_until
from tests.web.browser.site import Site, site

_BYTES = 10**9
_ALL = 1 << 40
_MORE_BYTES = 64 << 20  # that the programs may use for it
_TALKS = """import time
print("the program begins", flush=True)
for number in range(100000):
    print(f"line {number}", flush=True)
    time.sleep(0.02)
"""


@dataclass(frozen=True)
class LargeLog:
    """Attributes: lines, how many of its log are kept; before, the memory that web and coordinator used."""

    site: Site
    job: str
    lines: int
    before: int

    @property
    def is_whole(self) -> bool:
        return self.lines * 1000 > _BYTES // 2

    @property
    def used(self) -> int:
        return memory(self.site) - self.before


def memory(site: Site) -> int:
    programs = (site.web, site.cluster.coordinator)
    return sum(psutil.Process(each.process.pid).memory_info().rss for each in programs)


def write(folder: Path, tail_bytes: int) -> int:
    """Write 1 GB, as an earlier attempt of a job might have said; return how many lines of it are kept."""
    log = KeptLog(folder, tail_bytes=tail_bytes)
    number = 0
    while log.end < _BYTES:
        records = (
            Record(1_700_000_000_000 + n, "o", "i", f"row {n} {'z' * 960}") for n in range(number, number + 4000)
        )
        log.append(b"".join(record.encoded() for record in records))
        number += 4000
    log.append(Record(1_700_000_000_000, "e", "w", "the last needle of this").encoded())
    return sum(file.read_bytes().count(b"\n") for file in folder.iterdir())


@pytest.fixture(scope="module", params=[_ALL, TAIL_BYTES], ids=["all of it is kept", "its middle is dropped"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LargeLog]:
    """A job that has a log of 1 GB before it begins: the only node is drained till then."""
    folder = tmp_path_factory.mktemp("large")
    with site(folder, nodes=1, coordinator_arguments=("--data-dir", str(folder / "data"))) as served:
        with served.session() as session:
            session.order_node(session.nodes()[0].id, "drain")
            job = session.submit_script(code=_TALKS, timeout_s=600, force_queue=True).id
        httpx.get(f"{served.url}/jobs", headers={"Accept": "text/html"})
        before = memory(served)
        lines = write(folder / "data" / "logs" / job, request.param)
        yield LargeLog(served, job, lines, before)


@pytest.fixture
def page(browser: Browser, large: LargeLog) -> Iterator[Page]:
    page = browser.new_page(base_url=large.site.url)
    page.goto("/jobs")  # what all pages need is there
    expect(page.locator(".rows tbody tr").first).to_be_visible()
    yield page
    page.close()


def test_it_opens_within_a_second(page: Page, large: LargeLog) -> None:
    began = time.monotonic()
    page.goto(f"/jobs/{large.job}")
    expect(page.locator(".log-text").get_by_text("the last needle")).to_be_visible()
    took = time.monotonic() - began
    print(f"a log of 1 GB: {took:.2f} s, {large.used / 1e6:.0f} MB more")
    assert took < 1.0
    assert page.locator(".log-line").count() < 200 and large.used < _MORE_BYTES


def test_it_is_searched_and_read_from_its_top(page: Page, large: LargeLog) -> None:
    page.goto(f"/jobs/{large.job}")
    page.get_by_role("button", name="Top").click()
    expect(page.locator(".log-text").get_by_text("row 0 ")).to_be_visible()
    page.get_by_label("search the log").fill("row 4321 ")
    page.get_by_role("button", name="Next match").click()
    expect(page.locator(".log-line.here")).to_contain_text("row 4321 ")
    page.get_by_role("button", name="End").click()
    expect(page.locator(".log-text").get_by_text("the last needle")).to_be_visible()
    page.get_by_label("level").select_option("warnings and worse")
    expect(page.locator(".log-text")).to_have_text(["the last needle of this"])
    assert page.locator(".log-line").count() < 200 and large.used < _MORE_BYTES


def test_it_is_searched_far_ahead(page: Page, large: LargeLog) -> None:
    page.goto(f"/jobs/{large.job}")
    expect(page.locator(".log-text").get_by_text("the last needle")).to_be_visible()
    began = time.monotonic()
    page.get_by_label("search the log").fill("ROW 500000 ")
    page.get_by_role("button", name="Next match").click()
    if large.is_whole:
        expect(page.locator(".log-line.here")).to_contain_text("row 500000 ")
        print(f"half a gigabyte was searched in {time.monotonic() - began:.1f} s")
    else:
        expect(page.locator(".log-bar [role=status]")).to_have_text("no such line")
    page.get_by_label("level").select_option("progress")
    expect(page.get_by_text("No line of this kind.")).to_be_visible()
    assert page.locator(".log-line").count() < 200 and large.used < _MORE_BYTES


def test_who_scrolls_up_misses_no_line_and_is_told_what_is_not_kept(page: Page, large: LargeLog) -> None:
    page.goto(f"/jobs/{large.job}")
    expect(page.locator(".log-text").get_by_text("the last needle")).to_be_visible()
    pane, texts = page.locator(".log-lines"), page.locator(".log-text")
    lost = texts.get_by_text("bytes of the log before this are not kept")
    for _ in range(32 if large.is_whole else 200):  # pieces of 64 KiB: over the end of a file, or all that is kept
        pane.evaluate("pane => pane.scrollTop = 300")
        topmost = texts.first.inner_text()
        pane.evaluate("pane => pane.scrollTop = 0")
        expect(texts.first).not_to_have_text(topmost)
        numbers = [int(text.split()[1]) for text in texts.all_inner_texts() if text.startswith("row ")]
        if lost.count():
            break
        assert numbers == [*range(numbers[0], numbers[0] + len(numbers))]
    assert lost.count() == (not large.is_whole)


def test_it_is_downloaded_as_it_is_read(large: LargeLog) -> None:
    began, first, size, lines = time.monotonic(), 0.0, 0, 0
    with httpx.stream("GET", f"{large.site.url}/api/v1/jobs/{large.job}/log.txt", timeout=60) as answer:
        for piece in answer.iter_bytes(1 << 20):
            first = first or time.monotonic() - began
            size += len(piece)
            lines += piece.count(b"\n")
            assert large.used < _MORE_BYTES
    print(f"{size / 1e6:.0f} MB in {time.monotonic() - began:.1f} s, the first after {first:.2f} s")
    assert lines == large.lines + (not large.is_whole)  # a line says what is not kept


def test_it_is_followed_once_its_job_goes_on(page: Page, large: LargeLog) -> None:
    page.goto(f"/jobs/{large.job}")
    expect(page.locator(".log-text").get_by_text("the last needle")).to_be_visible()
    with large.site.session() as session:
        session.order_node(session.nodes()[0].id, "resume")
        wait_until(lambda: session.job(large.job).detail().row.state == "running", "the job begins")
    expect(page.locator(".log-text").get_by_text("line 50", exact=True)).to_be_visible()
    expect(page.locator(".log-text").get_by_text("line 100", exact=True)).to_be_visible()
    with large.site.session() as session:
        session.cancel_jobs([large.job])
    expect(page.locator(".head .state")).to_have_text("cancelled")
    assert page.locator(".log-line").count() < 200 and large.used < _MORE_BYTES
