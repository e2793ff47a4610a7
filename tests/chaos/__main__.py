"""python -m tests.chaos: kills, pauses and restarts programs at random while runs are in flight; 1 if a run suffers."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom

from tests.chaos.claims import tasks_a_second
from tests.chaos.figures import figures
from tests.chaos.fleet import Fleet
from tests.chaos.growth import FULL_S, Growth
from tests.chaos.mischief import Mischief
from tests.chaos.report import Session, report
from tests.chaos.victims import Victim
from tests.chaos.waves import Waves, undisturbed

STORES = ("sqlite", "postgresql")
_SOON = 0.5  # the share of the time in which everything is done once to every victim


def main(argv: Sequence[str] | None = None) -> int:
    args = _parse(argv)
    for store in STORES if args.store == "both" else (args.store,):
        folder = Path(tempfile.mkdtemp(prefix=f"roundhouse-chaos-{store}-"))
        replay = f"--seed {args.seed} --store {store} --seconds {args.seconds:g}"
        print(f"chaos {replay}", flush=True)
        try:
            flaw = disturb(folder, store, args)
        except AssertionError as error:
            flaw = str(error)
        if flaw:
            print(f"chaos {replay}: logs in {folder}: {flaw}")
            return 1
        shutil.rmtree(folder)
    return 0


def disturb(folder: Path, store: str, args: argparse.Namespace) -> str:
    """Run everything undisturbed, then wave after wave while programs die; return what is wrong."""
    with Fleet(folder, store) as fleet:
        claims = tasks_a_second(fleet.server, folder)
        calm = undisturbed(fleet.server)
        mischief = Mischief(args.seed, _lives(fleet, args), soon_s=_SOON * args.seconds)
        waves = Waves(fleet.server, calm, args.seconds, mischief.is_all_done)
        watched = _watched(fleet, folder, args) if args.soak else []

        def are_over() -> bool:
            for growth in watched:
                growth.look()
            return waves.are_over()

        mischief.run(are_over)
        flaws = mischief.flaws + waves.flaws
        if not flaws:
            found = figures(fleet, mischief.strikes, waves)
            print("\n".join(report(Session(fleet, mischief, waves, found, claims))), flush=True)
            flaws = found.flaws()
        if watched and not flaws:
            print(f"  soaked for {args.seconds / 3600:.2f} h, scale {args.soak:g} of 8 h")
            print(*(line for growth in watched for line in growth.report()), sep="\n")
            print(f"  tasks placed in a second after that: {tasks_a_second(fleet.server, folder):.0f}")
            flaws = [flaw for growth in watched for flaw in growth.flaws()]
    return flaws[0] if flaws else ""


def _lives(fleet: Fleet, args: argparse.Namespace) -> dict[Victim, float]:
    """Who is harmed, and how long each of them lives on average; a soak leaves the coordinator and a node alone."""
    nodes = fleet.nodes[1:] if args.soak else fleet.nodes
    lives: dict[Victim, float] = {fleet.database: args.database_life, fleet.disk: args.database_life}
    lives |= dict.fromkeys([*nodes, *fleet.networks], args.node_life)
    if not args.soak:
        lives[fleet.coordinator] = args.coordinator_life
    return lives


def _watched(fleet: Fleet, folder: Path, args: argparse.Namespace) -> list[Growth]:
    return [
        Growth(program.name, program.child.pid, folder / program.name, args.seconds)
        for program in (fleet.coordinator, fleet.nodes[0])
    ]


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10_000), help="of what is done (any)")
    parser.add_argument("--store", choices=(*STORES, "both"), default="both")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long programs die, for each store (60)")
    parser.add_argument("--node-life", type=float, default=10.0, metavar="S", help="of a node and of its network (10)")
    parser.add_argument("--coordinator-life", type=float, default=30.0, metavar="S", help="of the coordinator (30)")
    parser.add_argument("--database-life", type=float, default=40.0, metavar="S", help="of its database (40)")
    parser.add_argument(
        "--soak", type=float, metavar="SCALE", help="this share of 8 h on SQLite; the coordinator lives"
    )
    args = parser.parse_args(argv)
    if args.soak:
        args.store, args.seconds = "sqlite", args.soak * FULL_S
    return args


if __name__ == "__main__":
    sys.exit(main())
