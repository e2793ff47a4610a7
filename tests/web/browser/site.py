"""A cluster with a web server, and a browser that looks at it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from roundhouse import Session, connect
from tests.system.cluster import Cluster, Program

_CHROMIUM = shutil.which("chromium") or "chromium"
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Site:
    """Attributes: cluster; web, the server of the pages."""

    cluster: Cluster
    web: Program

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web.port}"

    def session(self) -> Session:
        return connect(f"127.0.0.1:{self.cluster.coordinator.port}")


@contextmanager
def site(
    folder: Path, *, nodes: int = 2, node_arguments: tuple[str, ...] = (), coordinator_arguments: tuple[str, ...] = ()
) -> Iterator[Site]:
    """Serve pages of a cluster of this many nodes."""
    with Cluster(
        folder, nodes=nodes, node_arguments=node_arguments, coordinator_arguments=coordinator_arguments
    ) as cluster:
        server = f"127.0.0.1:{cluster.coordinator.port}"
        web = Program("web.py", "--server", server, "--http-port", "0").serve()
        try:
            yield Site(cluster, web)
        finally:
            web.stop()
            print(*web.stderr, sep="\n", file=sys.stderr)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without windows."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()
