"""How the scripts begin: what a machine lacks for a program is told in one line. Imports nothing that it may lack."""

import sys
from importlib import import_module

_OURS = ("client", "compute_node", "coordinator", "mlcore", "rpc", "trainer_idl", "web")


def start(program: str) -> int:
    """Run the program that a package is; return its exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - what is older meets this line alone
        print(f"{program}: Python {sys.version.split()[0]} is too old; run it with 3.11 or newer", file=sys.stderr)
        return 1
    try:
        cli = import_module(f"{program}.cli")
    except ImportError as error:
        if (error.name or "").partition(".")[0] in _OURS:
            raise  # a bug, and to be seen as one
        fix = "; `make setup`, or pip install roundhouse, brings what is needed" if error.name else ""
        print(f"{program}: {error}{fix}", file=sys.stderr)
        return 1
    status: int = cli.main()
    return status
