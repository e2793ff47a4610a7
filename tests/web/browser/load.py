"""Many dashboards before a real cluster: how long pages take, what the web server uses, what runs lose by it."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
import psutil
import socketio  # type: ignore[import-untyped]

from client.job_files import Package
from client.job_settings import Program, spec_of
from roundhouse import Session
from tests.system.cluster import end_spares
from tests.web.browser.scene import start
from tests.web.browser.site import Site, site

_PATHS = ("/", "/jobs", "/runs", "/nodes")
_SECONDS = 10.0
_PAGE = {"Accept": "text/html"}
_CONNECT_S = 20  # as long as a browser waits
heard = Counter[str]()  # messages that all dashboards together got


def main(arguments: list[str]) -> int:
    """Print the figures for so many dashboards (200) and jobs (5,000)."""
    n_pages, n_jobs = (int(each) for each in (*arguments, "200", "5000")[:2])
    try:
        with TemporaryDirectory() as work, site(Path(work)) as served, served.session() as session:
            fill(session, n_jobs)
            asyncio.run(measure(served, session, n_pages))
            print("messages:", dict(heard))
    finally:
        end_spares()
    return 0


def fill(session: Session, n_jobs: int) -> None:
    """Have so many jobs wait for a node that never comes."""
    program = Program(code="print()")
    spec = spec_of(program, name="one of many", select={"never": "here"}, force_queue=True)
    with Package(program, spec) as package:
        sent = session.send_package(package)
        for _ in range(n_jobs):
            session.start_script(sent)


async def measure(served: Site, session: Session, n_pages: int) -> None:
    """Print what a round takes and pages take, without and with dashboards."""
    process = psutil.Process(served.web.process.pid)
    async with AsyncExitStack() as stack, httpx.AsyncClient(base_url=served.url, timeout=60, headers=_PAGE) as http:
        print(
            f"alone: pages {await pages(http)}; a round {await round_ms(session):.1f} ms; {memory(process)}", flush=True
        )
        began = time.monotonic()
        await asyncio.gather(*(look(stack, http, served.url, _PATHS[n % len(_PATHS)]) for n in range(n_pages)))
        print(f"{n_pages} dashboards opened at once: all live after {time.monotonic() - began:.1f} s", flush=True)
        before, began = process.cpu_times(), time.monotonic()
        took = await round_ms(session)
        after = process.cpu_times()
        cpu = (after.user + after.system - before.user - before.system) / (time.monotonic() - began)
        told = f"pages {await pages(http)}; a round {took:.1f} ms; {memory(process)}; {100 * cpu:.0f} % of a core"
        print(f"{n_pages} dashboards: {told}", flush=True)


async def pages(http: httpx.AsyncClient) -> str:
    """How long each page takes, in ms: the median and the worst of five."""
    told = []
    for path in _PATHS:
        spent = []
        for _ in range(5):
            began = time.monotonic()
            (await http.get(path)).raise_for_status()
            spent.append(1000 * (time.monotonic() - began))
        told.append(f"{path} {median(spent):.0f}/{max(spent):.0f}")
    return ", ".join(told)


async def round_ms(session: Session) -> float:
    """How long a round of a small run takes, while all the rest goes on."""
    run = await asyncio.to_thread(start, session, "measured", 20_000, 8)
    await asyncio.sleep(2)
    first = await asyncio.to_thread(run.detail)
    began = time.monotonic()
    await asyncio.sleep(_SECONDS)
    second = await asyncio.to_thread(run.detail)
    spent = time.monotonic() - began
    await asyncio.to_thread(run.cancel)
    return 1000 * spent / (second.row.round - first.row.round)


async def look(stack: AsyncExitStack, http: httpx.AsyncClient, url: str, path: str) -> None:
    """Open a page as a browser does, and keep it open."""
    page = (await http.get(path)).text
    client_id = re.search(r"'client_id': '([^']+)'", page)
    assert client_id is not None
    socket = socketio.AsyncClient(reconnection=False)
    query = f"client_id={client_id[1]}&next_message_id=0&implicit_handshake=true&tab_id={client_id[1]}&document_id=d"
    told = Counter[str]()
    socket.on("*", lambda kind, *_: told.update([str(kind)]))
    stack.callback(lambda: heard.update(told))
    at = f"{url}?{query}"
    await socket.connect(at, socketio_path="/_nicegui_ws/socket.io", transports=["websocket"], wait_timeout=_CONNECT_S)
    stack.push_async_callback(socket.disconnect)


def memory(process: psutil.Process) -> str:
    return f"{process.memory_info().rss / 1e6:.0f} MB"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
