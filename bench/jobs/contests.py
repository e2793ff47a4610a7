"""Who takes part in the contest of script jobs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.alone import ALONE, can_be_alone, ray_home
from bench.contest import Contestant, hold
from bench.results import Results


@dataclass(frozen=True, slots=True)
class Runner:
    """One system: its module and variant, and how many jobs it gets in a turn.

    Attributes:
        one: jobs one by one; many: all at once.
        program: of the machine, that it needs.
    """

    name: str
    module: str
    one: int = 20
    many: int = 200
    needs: tuple[str, ...] = ()
    program: str = ""
    is_alone: bool = False


OURS = (
    Runner("roundhouse", "roundhouse_nodes:bwrap", program="bwrap"),
    Runner("roundhouse_rlimits", "roundhouse_nodes:rlimits"),
)
"""At the level that keeps a job from the machine, and at the weak one, for code that one trusts: see SECURITY.md."""
PEERS = (
    Runner("rq", "rq_workers", needs=("rq",), program="redis-server"),
    Runner("rq_fork", "rq_workers:fork", needs=("rq",), program="redis-server"),
    Runner("ray_jobs", "ray_jobs", one=4, many=12, needs=("ray", "aiohttp_cors"), is_alone=True),  # seconds for each
)
"""None of them keeps a job from the machine or from other jobs."""


def run(runners: Sequence[Runner], turns: int, results: Results, *, share: float = 1.0) -> None:
    """Hold the contest; with a `share` below 1 each gets so many jobs fewer."""
    with TemporaryDirectory(prefix="roundhouse-bench-") as home:
        contestants = []
        for runner in runners:
            if not is_possible(runner):
                results.leave_out(_name(runner), f"not installed: {runner.program}")
            elif runner.is_alone and not can_be_alone():
                results.leave_out(_name(runner), "needs root, for a network of its own")
            else:
                contestants.append(_contestant(runner, Path(home), share))
        hold(contestants, turns, results)


def is_possible(runner: Runner) -> bool:
    """Whether the machine has the program that it needs."""
    return not runner.program or shutil.which(runner.program) is not None


def _contestant(runner: Runner, home: Path, share: float) -> Contestant:
    jobs = [str(max(2, round(share * number))) for number in (runner.one, runner.many)]
    return Contestant(
        _name(runner),
        ("bench.jobs.child", runner.module, *jobs),
        needs=runner.needs,
        threads=2,
        environment={"RAY_USAGE_STATS_ENABLED": "0"} | (ray_home(home) if runner.is_alone else {}),
        before=ALONE if runner.is_alone else (),
        timeout_s=300.0,
    )


def _name(runner: Runner) -> str:
    return f"jobs/{runner.name}"
