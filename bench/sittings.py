"""Which contests are held, in which order, with whom, and which goals they decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bench import goal_table, startup
from bench.core import contests as core
from bench.goals import Goal
from bench.jobs import contests as jobs
from bench.letters import contests as letters
from bench.results import Results
from bench.rounds import contests as rounds
from bench.wire import contests as wire

_QUICK_TURNS = 5


def run_core(turns: int, results: Results) -> None:
    """Four works on one thread, the large ones on two as well."""
    everybody = (core.OURS, core.OURS_IN_NUMPY, core.PLAIN, *core.PEERS)
    few = (core.OURS, core.OURS_IN_NUMPY, core.SKLEARN, core.TORCH, core.JAX)
    core.run("AB", everybody, 1, turns, results)
    core.run("D", (*few, core.TORCH_COMPILED, core.OURS_ON_A_GPU), 1, turns, results)
    core.run("C", (*few, core.OURS_ON_A_GPU), 1, turns, results)
    core.run("CD", few, 2, turns, results)
    core.run_text(turns, results)


def run_wire(turns: int, results: Results) -> None:
    """Echoes over every way of sending."""
    wire.run((*wire.FLOOR_AND_STOCK, *wire.OURS, *wire.PEERS), turns, results)


def quick(results: Results) -> None:
    """What needs nothing but the ordinary environment, in at most two minutes."""
    core.run("AB", (core.OURS, core.OURS_IN_NUMPY, core.PLAIN), 1, _QUICK_TURNS, results)
    core.run("C", (core.OURS,), 1, 3, results)
    core.run_text(_QUICK_TURNS, results)
    wire.run((*wire.FLOOR_AND_STOCK, *wire.OURS), _QUICK_TURNS, results)
    if jobs.is_possible(jobs.OURS[0]):
        jobs.run(jobs.OURS[:1], 2, results, share=0.2)


def run_jobs(turns: int, results: Results) -> None:
    """Short script jobs, in sandboxes and without, beside other runners of jobs."""
    jobs.run((*jobs.OURS, *jobs.PEERS), turns, results)


def run_rounds(turns: int, results: Results) -> None:
    """Rounds that cost nothing, beside every other system."""
    rounds.run((rounds.OURS, *rounds.PEERS), turns, results)
    rounds.run_superlink(turns, results)


ALL: Mapping[str, Callable[[int, Results], None]] = {
    "startup": startup.run,
    "core": run_core,
    "wire": run_wire,
    "rounds": run_rounds,
    "tls": rounds.run_tls,
    "scale": rounds.run_scale,
    "letters": letters.run,
    "jobs": run_jobs,
}
GOALS: Mapping[str, tuple[Goal, ...]] = {
    "startup": goal_table.STARTUP,
    "core": goal_table.CORE,
    "wire": goal_table.WIRE,
    "rounds": goal_table.ROUNDS,
    "tls": goal_table.TLS,
    "scale": goal_table.SCALE,
    "letters": goal_table.LETTERS,
    "jobs": goal_table.JOBS,
}
PREFIXES: Mapping[str, tuple[str, ...]] = {
    "startup": ("startup/",),
    "core": ("core/",),
    "wire": ("wire/",),
    "rounds": ("rounds/1k/", "rounds/100k/", "rounds/10M/"),
    "tls": ("tls/",),
    "scale": ("rounds/scale/",),
    "letters": ("letters/",),
    "jobs": ("jobs/",),
}
"""How the names of the figures of a contest begin."""
QUICK_GOALS = (*goal_table.CORE, *goal_table.WIRE, *goal_table.JOBS)
