"""Two plots of the results: the core's four works, and a round on each system."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from bench.results import Results

_OURS = "roundhouse"
_WORKS = ("A", "B", "C", "D")
_ROUNDS = (("1k", 2), ("1k", 8), ("100k", 8), ("10M", 2), ("10M", 8))
_COLOURS = {True: "#c0392b", False: "#95a5a6"}  # ours, others


def draw(results: Results, folder: Path) -> list[str]:
    """Write the plots that the results allow as SVG; return their file names. None without matplotlib."""
    if find_spec("matplotlib") is None:
        return []
    panels = {
        "core.svg": {f"{work}, ms, 1 thread": _medians(results, f"core/{work}/1/") for work in _WORKS},
        "rounds.svg": {
            f"{size} weights, {nodes} nodes, ms": _medians(results, f"rounds/{size}/{nodes}/")
            for size, nodes in _ROUNDS
        },
    }
    drawn = []
    for name, content in panels.items():
        if filled := {title: bars for title, bars in content.items() if bars}:
            _draw(filled, folder / name)
            drawn.append(name)
    return drawn


def _medians(results: Results, prefix: str) -> dict[str, float]:
    """The milliseconds of each contestant below `prefix`, the quickest first."""
    found = {}
    for name in results.samples:
        contestant, _, figure = name.removeprefix(prefix).partition("/")
        if name.startswith(prefix) and figure == "ms":
            found[contestant] = results.median(name) or 0.0
    return dict(sorted(found.items(), key=lambda entry: entry[1]))


def _draw(panels: Mapping[str, Mapping[str, float]], file: Path) -> None:
    from matplotlib.figure import Figure  # late: it takes as long as a contest

    heights = [len(bars) for bars in panels.values()]
    figure = Figure(figsize=(7, 0.28 * sum(heights) + 0.7 * len(heights)), layout="constrained")
    axes = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axis, (title, bars) in zip(axes, panels.items(), strict=True):
        colours = [_COLOURS[name.startswith(_OURS)] for name in bars]
        drawn = axis.barh(list(bars), list(bars.values()), color=colours)
        axis.bar_label(drawn, fmt="{:.3g}", padding=3)
        axis.invert_yaxis()
        axis.set_xscale("log")
        axis.margins(x=0.15)
        axis.set_title(title, loc="left", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, metadata={"Date": None})
