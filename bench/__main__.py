"""The command: `python -m bench` runs every contest, `--quick` a few of them; `make bench` and `make bench-quick`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import machine, sittings
from bench.goals import Goal, Verdict
from bench.plots import draw
from bench.report import goal_table, report
from bench.results import Results

_HERE = Path(__file__).resolve().parent
_TURNS = 9


def main() -> int:
    """Hold the contests; return 1 if a gate is missed, with --quick only if one is missed by far."""
    args = _parse()
    results = Results(machine=machine.describe())
    args.out.mkdir(parents=True, exist_ok=True)
    if args.quick:
        sittings.quick(results)
        return _judge_quick(results)
    file = args.out / "results.json"
    if args.only and file.exists():
        results = _without(args.only, Results.load(file), results)
    results.file = file
    for name in args.only or sittings.ALL:
        print(f"bench: {name}", file=sys.stderr, flush=True)
        sittings.ALL[name](args.turns, results)
    goals = [goal for name in sittings.ALL for goal in sittings.GOALS[name]]
    return _write(results, goals, args.out)


def _without(contests: list[str], old: Results, new: Results) -> Results:
    """The old results without those of contests that are held anew, which the description says."""
    prefixes = tuple(prefix for contest in contests for prefix in sittings.PREFIXES[contest])
    old.samples = {name: values for name, values in old.samples.items() if not name.startswith(prefixes)}
    old.left_out = {name: why for name, why in old.left_out.items() if not name.startswith(prefixes)}
    old.failed = [name for name in old.failed if name in old.left_out]
    old.machine[f"held anew: {', '.join(contests)}"] = f"{new.machine['date']}, {new.machine['command']}"
    return old


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("bench", description="Roundhouse beside its peers, on this machine.")
    parser.add_argument("--quick", action="store_true", help="at most two minutes; fails only far below the gates")
    parser.add_argument(
        "--only", nargs="+", choices=sittings.ALL, help="hold these contests anew, and keep the results of the others"
    )
    parser.add_argument("--turns", type=int, default=_TURNS, help="turns of each contestant (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=_HERE, help="folder of RESULTS.md (default: bench)")
    return parser.parse_args()


def _judge_quick(results: Results) -> int:
    goals = [goal for goal in sittings.QUICK_GOALS if goal.figure(results) is not None]
    print(goal_table(results, goals))
    for name, reason in results.left_out.items():
        print(f"bench: {name}: {reason}", file=sys.stderr)
    far_off = [goal.what for goal in goals if goal.is_far_off(results)]
    for what in far_off:
        print(f"bench: less than half of the gate: {what}", file=sys.stderr)
    return 1 if far_off or results.left_out else 0


def _write(results: Results, goals: list[Goal], folder: Path) -> int:
    (folder / "RESULTS.md").write_text(report(results, goals, draw(results, folder)), encoding="utf-8")
    print(goal_table(results, goals))
    for name in results.failed:
        print(f"bench: {name}: {results.left_out[name]}", file=sys.stderr)
    return 1 if results.failed or any(goal.verdict(results) is Verdict.MISSED for goal in goals) else 0


if __name__ == "__main__":
    sys.exit(main())
