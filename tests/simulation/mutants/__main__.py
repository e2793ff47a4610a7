"""python -m tests.simulation.mutants: the simulator must find every planted bug, and none where none is planted."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from time import perf_counter

from tests.simulation.mutants.planting import PATCHES, find

_SCHEDULES = 1000
_SCHEDULES_UNPATCHED = 300


def main() -> int:
    parser = argparse.ArgumentParser("tests.simulation.mutants", description=__doc__)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="plant each Nth alone, others every day (1)")
    every = parser.parse_args().every
    planted = PATCHES[date.today().toordinal() % every :: every]
    started = perf_counter()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(_try, [None, *planted]))
    print(f"{'planted bug':28}{'schedule':>9}  how it shows")
    for _, line in results:
        print(line)
    wrong = sum(not is_well for is_well, _ in results)
    print(f"{len(planted)} of {len(PATCHES)} planted bugs; {wrong} lines are wrong; {perf_counter() - started:.0f} s")
    return 1 if wrong else 0


def _try(patch: Path | None) -> tuple[bool, str]:
    """Whether the simulator says what it should, and the line of the table."""
    name = "(none)" if patch is None else patch.stem
    try:
        found = find(patch, _SCHEDULES if patch else _SCHEDULES_UNPATCHED)
    except ValueError as error:
        return False, f"{name:28}{'-':>9}  ERROR: {error}"
    if found is None:
        return patch is None, f"{name:28}{'-':>9}  {'nothing is wrong' if patch is None else 'NOT FOUND'}"
    return patch is not None, f"{name:28}{found.schedule:>9}  {found.flaw[:110]}"


if __name__ == "__main__":
    sys.exit(main())
