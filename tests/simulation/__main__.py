"""python -m tests.simulation N: N fault schedules of runs and jobs; exit 1 at the first that fails, with a replay."""

from __future__ import annotations

import argparse
import logging
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import product
from time import perf_counter

from tests.simulation.coverage import WANTED, Strikes, table, too_rare
from tests.simulation.job_schedule import make_job_schedule
from tests.simulation.job_simulation import JobSimulation
from tests.simulation.schedule import CrashAt, make_schedule
from tests.simulation.simulation import Simulation, Trace

_BATCH = 20
_ENOUGH = 1000  # schedules after which every possible pair must have occurred often enough


@dataclass(slots=True)
class Totals:
    """What a batch of schedules came to; `failed` is the number of the first schedule that failed."""

    schedules: int = 0
    events: int = 0
    strikes: Strikes = field(default_factory=Strikes)
    outcomes: Counter[str] = field(default_factory=Counter)
    crashes: Counter[CrashAt] = field(default_factory=Counter)
    failed: int | None = None
    flaw: str = ""

    def add(self, other: Totals) -> None:
        self.schedules += other.schedules
        self.events += other.events
        self.strikes.update(other.strikes)
        self.outcomes.update(other.outcomes)
        self.crashes.update(other.crashes)
        if self.failed is None:
            self.failed, self.flaw = other.failed, other.flaw


def simulate(seed: int, numbers: range, trace: Trace | None = None) -> Totals:
    """Run the schedules one by one, up to the first that fails."""
    totals = Totals()
    for number, make in product(numbers, (_of_runs, _of_jobs)):
        simulation = make(seed, number, trace)
        totals.schedules += make is _of_runs
        try:
            simulation.run()
        except Exception as error:  # a bug in the core shows as any exception, and the seed must be told
            if trace is not None:
                traceback.print_exc()
            totals.failed = number
            totals.flaw = f"{type(error).__name__} at {simulation.clock.now:.3f} s: {error}"
            return totals
        totals.events += simulation.events
        totals.strikes.update(simulation.strikes)
        totals.outcomes.update(simulation.outcomes)
        totals.crashes.update(simulation.crashed)
    return totals


def _of_runs(seed: int, number: int, trace: Trace | None) -> Simulation | JobSimulation:
    return Simulation(make_schedule(seed, number), trace)


def _of_jobs(seed: int, number: int, trace: Trace | None) -> Simulation | JobSimulation:
    return JobSimulation(make_job_schedule(seed, number), trace)


def batches(seed: int, numbers: range, processes: int) -> Iterator[Totals]:
    """Totals of consecutive batches, computed on several processes."""
    parts = [numbers[at : at + _BATCH] for at in range(0, len(numbers), _BATCH)]
    if processes < 2 or len(parts) < 2:
        yield from (simulate(seed, part) for part in parts)
        return
    with ProcessPoolExecutor(processes) as pool:
        try:
            yield from pool.map(simulate, [seed] * len(parts), parts)
        finally:
            pool.shutdown(cancel_futures=True)


def main(argv: Sequence[str] | None = None) -> int:
    args = _parse(argv)
    numbers = range(args.first, args.first + args.n)
    started = perf_counter()
    totals = Totals()
    if args.verbose:
        totals = simulate(args.seed, numbers, print)
    else:
        for batch in batches(args.seed, numbers, args.processes):
            totals.add(batch)
            if totals.failed is not None:
                break
    if totals.failed is not None:
        print(f"schedule {totals.failed} of series {args.seed} failed: {totals.flaw}")
        replay = f"python -m tests.simulation 1 --seed {args.seed} --first {totals.failed} --verbose"
        print(f"replay: {replay}")
        return 1
    return _report(totals, perf_counter() - started)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("n", type=int, metavar="N", help="number of schedules")
    parser.add_argument("--seed", type=int, default=1, help="the series of schedules (1)")
    parser.add_argument("--first", type=int, default=0, help="number of the first schedule (0)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="print every event and command; one process")
    return parser.parse_args(argv)


def _report(totals: Totals, seconds: float) -> int:
    print(table(totals.strikes))
    ends = ", ".join(f"{count} {outcome}" for outcome, count in totals.outcomes.most_common())
    print(f"{totals.schedules} schedules, {totals.events} events, {totals.strikes.total()} strikes")
    print(f"runs: {ends}")
    print(f"the coordinator was killed: {', '.join(f'{where} {totals.crashes[where]}' for where in CrashAt)}")
    print(f"{seconds:.1f} s, {totals.schedules / seconds:.0f} schedules/s; all ended as they must")
    rare = too_rare(totals.strikes) + [f"killed {where}" for where in CrashAt if totals.crashes[where] < WANTED]
    if totals.schedules < _ENOUGH:
        rare = []
    if rare:
        print(f"too rare to say that the simulation covers them: {'; '.join(rare)}")
    return 1 if rare else 0


if __name__ == "__main__":
    logging.disable()  # the outages are ours
    sys.exit(main())
