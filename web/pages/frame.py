"""What every page has: its head with the way to the other pages, how things stand, and what to say when all is away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from nicegui import app, ui

from client.status import count
from rpc.messages import Overview
from web.latest import Seen
from web.live import Live
from web.pages.feeds import follow
from web.pages.words import shown
from web.widgets.theme_switch import ThemeSwitch

_PAGES = {
    "Overview": "/",
    "Runs": "/runs",
    "Jobs": "/jobs",
    "Nodes": "/nodes",
    "Events": "/events",
    "Settings": "/settings",
}
_CSS = Path(__file__).with_name("console.css")
# Before the first paint: what was chosen, or as the system has it.
_HEAD = """
<script>
  window.roundhouseTheme = () => {
    const chosen = localStorage.getItem("roundhouse-theme"), dark = matchMedia("(prefers-color-scheme: dark)");
    dark.onchange = window.roundhouseTheme;
    const isDark = chosen === "dark" || (chosen !== "light" && dark.matches);
    document.documentElement.dataset.theme = isDark ? "dark" : "light";
  };
  window.roundhouseTheme();
</script>
<link rel="stylesheet" href="/console/console.css">
"""


def set_up() -> None:
    """Have all pages find their look; once."""
    app.add_static_file(local_file=_CSS, url_path="/console/console.css", max_cache_age=60)
    ui.add_head_html(_HEAD, shared=True)


@contextmanager
def frame(title: str, live: Live, *, where: str = "") -> Iterator[None]:
    """Build a page around what is built inside. `where` is the path of the page in the head that it belongs to."""
    ui.page_title(f"{shown(title, 80)} · Roundhouse")
    with ui.element("header").classes("top"):
        with ui.element("div").classes("top-in"):
            _brand()
            with ui.element("nav").classes("ways").props('aria-label="pages"'):
                for name, path in _PAGES.items():
                    link = ui.link(name, path)
                    if path == where:
                        link.props('aria-current="page"')
            pulse = ui.label("").classes("pulse").props('role="status"')
            ThemeSwitch()
        away = ui.label("").classes("away-note").props('role="alert"')
        away.visible = False
    with ui.element("div").classes("page").props("tabindex=-1") as main:
        ui.skip_link(target=main)
        yield

    def beat(seen: Seen[Overview]) -> None:
        away.visible = bool(seen.fault)
        away.text = f"What is shown may be old: {shown(seen.fault)}" if seen.fault else ""
        pulse.classes(add="away") if seen.fault else pulse.classes(remove="away")
        if seen.now is not None:
            pulse.text = _pulse(seen.now)

    follow(live.overview(), beat)


@contextmanager
def head(title: str, *crumbs: tuple[str, str]) -> Iterator[None]:
    """The heading of a page; inside is what can be done on it. Crumbs are names and paths of the pages above."""
    with ui.element("div").classes("head"):
        if crumbs:
            with ui.element("div").classes("crumb"):
                for name, path in crumbs:
                    ui.link(name, path)
        heading(title)
        yield


def heading(text: str, level: int = 1) -> None:
    with ui.element(f"h{level}"):
        words(text)


def words(text: str) -> ui.label:
    """A text, however long and whatever is in it, as it may stand in a line."""
    return ui.label(shown(text)).classes("inline")


@contextmanager
def panel(title: str, *, size: str = "", beside: str = "") -> Iterator[ui.element]:
    """A part of a page with a title; `size` is half, third, two-thirds or all of the width."""
    with ui.element("section").classes(f"panel {size}") as section:
        section.props["aria-label"] = title
        with ui.element("div").classes("panel-head") as top:
            heading(title, 2)
            if beside:
                ui.label(shown(beside)).classes("soft")
        yield top


def facts(known: Mapping[str, str]) -> None:
    """Names and what is known of them; what is empty goes without saying."""
    with ui.element("dl").classes("facts"):
        for name, text in known.items():
            if text:
                with ui.element("dt"):
                    ui.label(name)
                with ui.element("dd"):
                    ui.label(shown(text, 1000))


def tabs(choices: Sequence[tuple[str, str, bool]], label: str) -> None:
    """Links to the same page with other filters: names, paths, whether it is that one."""
    with ui.element("nav").classes("tabs") as nav:
        nav.props["aria-label"] = label
        for name, path, is_this in choices:
            link = ui.link(name, path)
            if is_this:
                link.props('aria-current="true"')


def button_link(text: str, path: str, *, is_main: bool = False) -> ui.link:
    return ui.link(text, path).classes("button main" if is_main else "button")


def _brand() -> None:
    with ui.link("", "/").classes("brand"):
        ui.element("span").classes("brand-mark").props('aria-hidden="true"')
        ui.label("Roundhouse")


def _pulse(now: Overview) -> str:
    here = sum(node.state in ("ready", "draining", "drained", "leaving") for node in now.nodes)
    return f"{count(here, 'node')} · {now.running} at work · {now.pending} waiting"
