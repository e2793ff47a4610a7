"""The `roundhouse` command: one name for all programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from rpc.errors import ExitCode
from rpc.program import VERSION

# Imported only when asked for: a client needs nothing of a node.
_PROGRAMS = {
    "coordinator": "coordinator.cli",
    "node": "compute_node.cli",
    "client": "client.cli",
    "web": "web.cli",
    "demo": "roundhouse.demo",
}

_HELP = """\
usage: roundhouse PROGRAM [arguments]

  roundhouse demo           train the letters on three nodes of this machine
  roundhouse node           serve as a compute node
  roundhouse coordinator    serve clients, and hand their work to nodes
  roundhouse client         train, or look at and cancel runs
  roundhouse web            serve REST and the dashboard of a coordinator

`roundhouse PROGRAM -h` tells about its arguments; `roundhouse --version` tells the version."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program that the first argument names; return its exit status."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["-h"]
    if name in ("-h", "--help"):
        print(_HELP)
        return ExitCode.DONE
    if name == "--version":
        print(f"roundhouse {VERSION}")
        return ExitCode.DONE
    if name not in _PROGRAMS:
        choices = ", ".join(_PROGRAMS)
        print(f"roundhouse: no program {name!r}; there are {choices} (roundhouse -h)", file=sys.stderr)
        return ExitCode.USAGE
    status: int = import_module(_PROGRAMS[name]).main(rest)
    return status
