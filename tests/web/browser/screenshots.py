"""Pictures of all pages, light and dark, on a desk and on a phone; `make screenshots`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page

from tests.system.cluster import end_spares
from tests.web.browser.scene import Scene, set_up
from tests.web.browser.site import Site, chromium, site

_WIDTHS = {"desk": (1440, 900), "phone": (390, 844)}
_SCHEMES = ("light", "dark")


def main(arguments: list[str]) -> int:
    """Write the pictures into a folder, all or those of the pages that are named."""
    folder, *names = arguments or ["screenshots"]
    Path(folder).mkdir(parents=True, exist_ok=True)
    try:
        _take_all(Path(folder), names)
    finally:
        end_spares()
    return 0


def _take_all(folder: Path, names: list[str]) -> None:
    with TemporaryDirectory() as work, site(Path(work), nodes=3) as served, chromium() as browser:
        empty = {"empty": "/", "empty-jobs": "/jobs"}
        take(served, browser, empty, folder, names)
        with served.session() as session:
            scene = set_up(session, drains=session.nodes()[2].id)
            node = session.nodes()[0].id
        take(served, browser, pages_of(scene, node), folder, names)


def pages_of(scene: Scene, node: str) -> dict[str, str]:
    """The paths of the pages, by the names of their pictures."""
    return {
        "overview": "/",
        "runs": "/runs",
        "run": f"/runs/{scene.runs[1]}",
        "running": f"/runs/{scene.running}",
        "compare": f"/runs/compare?ids={','.join(scene.runs)}",
        "new-run": "/runs/new",
        "jobs": "/jobs",
        "job": f"/jobs/{scene.jobs[0]}",
        "talking": f"/jobs/{scene.talking}",
        "failed": f"/jobs/{scene.jobs[1]}",
        "array": f"/jobs/{scene.array}",
        "new-job": "/jobs/new",
        "nodes": "/nodes",
        "node": f"/nodes/{node}",
        "events": "/events?all=true",
        "settings": "/settings",
        "missing": "/runs/none",
    }


def take(served: Site, browser: Browser, paths: Mapping[str, str], folder: Path, names: list[str]) -> None:
    for width, (x, y) in _WIDTHS.items():
        for scheme in _SCHEMES:
            context = browser.new_context(viewport={"width": x, "height": y}, color_scheme=scheme)  # type: ignore[arg-type]
            page = context.new_page()
            page.on(
                "console", lambda said: print(said.type, said.text[:300]) if said.type in ("error", "warning") else None
            )
            page.on("pageerror", lambda error: print("pageerror", str(error)[:300]))
            for name, path in paths.items():
                if not names or name in names:
                    picture(page, served.url + path, folder / f"{name}-{width}-{scheme}.png")
            context.close()


def picture(page: Page, url: str, file: Path) -> None:
    page.goto(url)
    page.locator(".page").wait_for()
    page.wait_for_timeout(700)
    page.screenshot(path=str(file), full_page=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
