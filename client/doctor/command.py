"""The commands `doctor` and `debug-dump`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from client.printing import print_json, print_lines
from client.style import Style
from client.subcommand import Subcommand, add_json
from rpc.errors import ExitCode
from rpc.findings import Finding, Level, is_well
from rpc.program import Parser

if TYPE_CHECKING:
    from client.doctor.reaching import Way

_COLOURS = {Level.OK: "green", Level.NOTE: "yellow", Level.BAD: "red", Level.UNKNOWN: "dim"}


def doctor(args: argparse.Namespace) -> int:
    """Look at everything between this program and a result, and say how to mend what is wrong."""
    found, _ = examine(args)
    if args.json:
        print_json(found)
    else:
        _print(found)
    return ExitCode.DONE if all(map(is_well, found.values())) else ExitCode.FAILED


def debug_dump(args: argparse.Namespace) -> int:
    """Write what a bug report needs to a ZIP."""
    from client.doctor.dump import dump_file, ends_of, write_dump

    path, ends = dump_file(args.out), ends_of(args.log)
    found, way = examine(args)
    names = write_dump(path, found, way, logs=ends)
    if args.json:
        print_json({"file": str(path), "holds": names})
    else:
        print_lines([f"{path}: {', '.join(names)}", "without tokens and passwords; look through it before you send it"])
    return ExitCode.DONE


def examine(args: argparse.Namespace) -> tuple[Mapping[str, Sequence[Finding]], Way]:
    """All findings by what they are about, and the way to the coordinator."""
    from client.doctor.cluster import look_at_cluster
    from client.doctor.here import look_at_node, look_at_program
    from client.doctor.reaching import walk  # what it needs takes 40 ms to load

    way = walk(args)
    found: dict[str, Sequence[Finding]] = {"this program": list(look_at_program()), "the coordinator": way.found}
    if way.overview is not None:
        found["its nodes"] = list(look_at_cluster(way.overview))
    else:
        text = f"not looked at: {way.stopped_at} first" if way.stopped_at else "not looked at: they are not told"
        found["its nodes"] = [Finding("nodes", Level.UNKNOWN, text)]
    found["a compute node on this machine"] = look_at_node()
    return found, way


def _print(found: Mapping[str, Sequence[Finding]]) -> None:
    style = Style(sys.stdout)
    width = max(len(each.about) for findings in found.values() for each in findings)
    for about, findings in found.items():
        print(style.paint(about, "bold"))
        for each in findings:
            lines = style.wrap(f"  {each.level:<7}  {each.about:<{width}}  {each.text}", width + 13)
            if each.fix:
                lines += style.wrap(f"{'':{width + 13}}-> {each.fix}", width + 16)
            lines[0] = lines[0].replace(each.level, style.paint(each.level, _COLOURS[each.level]), 1)
            print("\n".join(lines))
        print()
    levels = Counter(each.level for findings in found.values() for each in findings)
    if levels[Level.BAD]:
        print(f"{levels[Level.BAD]} to mend: -> says how")
    else:
        unknown = levels[Level.UNKNOWN]
        print(f"nothing is bad, but {unknown} could not be looked at" if unknown else "all is well")


def _dump(parser: Parser) -> None:
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="default: roundhouse-debug-DATE-TIME.zip")
    parser.add_argument(
        "--log", type=Path, action="append", default=[], metavar="FILE",
        help="the last megabyte of this log too; may be given several times",
    )  # fmt: skip
    add_json(parser)


DOCTOR_SUBCOMMANDS = {
    "doctor": Subcommand(
        "Looks at address, TLS, token, versions, clock, store, nodes and this machine; says how to mend what is wrong."
        " Exit status 1: something is.",
        "",
        add_json,
    ),
    "debug-dump": Subcommand("Writes a ZIP for a bug report, without secrets or what users wrote.", "", _dump),
}
DOCTOR_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"doctor": doctor, "debug-dump": debug_dump}
