"""RESULTS.md: the goals against the figures, then every figure, then what could not be measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.goals import Goal
from bench.results import Results


def report(results: Results, goals: Sequence[Goal], plots: Sequence[str] = ()) -> str:
    """Return the report as Markdown.

    Args:
        plots: file names of plots to show.
    """
    parts = ["# Roundhouse beside its peers\n", _machine(results), goal_table(results, goals)]
    parts += [f"![{plot}]({plot})\n" for plot in plots]
    parts += [_figures(results), _left_out(results)]
    return "\n".join(part for part in parts if part)


def goal_table(results: Results, goals: Sequence[Goal]) -> str:
    """Return one row for each goal."""
    return "## Goals\n\n" + table(("goal", "gate", "aim", "figure", ""), [_goal_row(results, goal) for goal in goals])


def _goal_row(results: Results, goal: Goal) -> tuple[str, ...]:
    found = goal.figure(results)
    gate, aim = (f"{goal.bound.value} {limit:g}" if limit is not None else "" for limit in (goal.gate, goal.aim))
    return goal.what, gate, aim, "-" if found is None else number(found), goal.verdict(results).value


def number(figure: float) -> str:
    """Three significant digits; whole from 1000 on."""
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.3g}"


def _machine(results: Results) -> str:
    return table(("", ""), list(results.machine.items()))


def _figures(results: Results) -> str:
    rows = []
    for name, samples in results.samples.items():
        middle = results.median(name)
        assert middle is not None
        rows.append((name, number(middle), number(min(samples)), number(max(samples)), str(len(samples))))
    return "## Figures\n\n" + table(("figure", "median", "min", "max", "turns"), rows)


def _left_out(results: Results) -> str:
    if not results.left_out:
        return ""
    return "## Left out\n\n" + table(("contestant", "why"), sorted(results.left_out.items()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
