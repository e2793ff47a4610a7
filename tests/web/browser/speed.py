"""How quick the web is with one person before it: pages, requests, and a log's way from a node to a browser."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from threading import Thread

import httpx2 as httpx
from playwright.sync_api import Browser, Page

from client.jobs import Job
from roundhouse import Session
from tests.system.cluster import end_spares
from tests.web.browser.scene import start
from tests.web.browser.site import Site, chromium, site

_TIMES = 7  # that each page is opened
_SECONDS = 4.0  # of requests of one kind
_CONNECTIONS = 16
_LINES = 400
_TALKS = f"""import time
time.sleep(4)
for number in range({_LINES}):
    print("at", time.time_ns() // 1000, flush=True)
    time.sleep(0.037)
time.sleep(2)
"""
# Notes how late the page shows each line that tells its moment, in microseconds as the line does.
_WATCH = """() => {
  window.__late = new Map();
  const note = () => {
    const now = 1000 * (performance.timeOrigin + performance.now());
    for (const line of document.querySelectorAll(".log-text")) {
      const at = Number(line.innerText.match(/^at (\\d+)/)?.[1]);
      if (at && !window.__late.has(at)) window.__late.set(at, now - at);
    }
  };
  const all = { childList: true, subtree: true, characterData: true };
  new MutationObserver(note).observe(document.querySelector(".log-lines"), all);
}"""


def main() -> int:
    """Print all figures."""
    try:
        with TemporaryDirectory() as work, site(Path(work)) as served, served.session() as session:
            run = start(session, "measured", 8, 16)
            run.wait(60)
            done = session.submit_script(code="print(6 * 7)")
            done.wait(60)
            with chromium() as browser:
                print_pages(served, browser, ("/", "/runs", f"/runs/{run.id}", "/jobs", f"/jobs/{done.id}", "/nodes"))
                print_latency(served, browser, session)
            asyncio.run(print_rates(served, done))
    finally:
        end_spares()
    return 0


def print_pages(served: Site, browser: Browser, paths: tuple[str, ...]) -> None:
    """How long the browser takes to show pages."""
    page = browser.new_page(base_url=served.url)
    for path in paths:
        spent = [opened_ms(page, path) for _ in range(_TIMES)]
        print(f"page {path}: {median(spent):.0f} ms, {spent[0]:.0f} the first time", flush=True)
    page.close()


def opened_ms(page: Page, path: str) -> float:
    began = time.monotonic()
    page.goto(path, wait_until="commit")
    page.locator("h1").wait_for()
    return 1000 * (time.monotonic() - began)


def print_latency(served: Site, browser: Browser, session: Session) -> None:
    """How late the lines of a log are in a browser that shows them, and at a reader of the stream."""
    job = session.submit_script(code=_TALKS)
    page = browser.new_page(base_url=served.url)
    page.goto(f"/jobs/{job.id}")
    page.locator(".log-lines").wait_for()
    page.evaluate(_WATCH)
    streamed: list[float] = []
    reader = Thread(target=read_stream, args=(f"{served.url}/api/v1/jobs/{job.id}/log/stream", streamed))
    reader.start()
    job.wait(120)
    reader.join()
    page.get_by_text("completed").first.wait_for()
    seen = [each / 1000 for each in page.evaluate("[...window.__late.values()]")]
    page.close()
    print(f"log, from a node to a browser: {spread(seen)}", flush=True)
    print(f"log, from a node to a reader of the stream: {spread(streamed)}", flush=True)


def read_stream(url: str, late: list[float]) -> None:
    """Note how late each line of a log is, in ms, until the stream ends."""
    with httpx.stream("GET", url, timeout=60) as answer:
        for line in answer.iter_lines():
            name, _, data = line.partition(": ")
            text = json.loads(data).get("text", "") if name == "data" else ""
            if text.startswith("at "):
                late.append(time.time_ns() / 1e6 - int(text[3:]) / 1e3)


def spread(late: list[float]) -> str:
    cuts = quantiles(late, n=100)
    return f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, {len(late)} of {_LINES} lines"


async def print_rates(served: Site, done: Job) -> None:
    """How many requests a second are answered over so many connections."""
    asks = {
        "GET /health": "",
        f"GET /api/v1/jobs/{done.id}": "",
        "GET /api/v1/work?limit=20": "",
        f"GET /api/v1/jobs/{done.id}/log": "",
        "POST /api/v1/jobs": json.dumps(
            {"code": "print()", "settings": {"select": {"never": "here"}, "force_queue": True}}
        ),
    }
    for line, body in asks.items():
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        request = f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{served.web.port}\r\n{kind}\r\n{body}".encode()
        print(f"{line}: {await rate(served.web.port, request):.0f} a second", flush=True)


async def rate(port: int, request: bytes) -> float:
    """Answers a second to one request that is made again and again; each must be of success."""
    until = time.monotonic() + _SECONDS
    counts = await asyncio.gather(*(ask(port, request, until) for _ in range(_CONNECTIONS)))
    return sum(counts) / _SECONDS


async def ask(port: int, request: bytes, until: float) -> int:
    """Make a request over one connection until a moment; return how often it was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.monotonic() < until:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 2"), head
        await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
        count += 1
    writer.close()
    return count


if __name__ == "__main__":
    sys.exit(main())
