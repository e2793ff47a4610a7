"""python -m tests.conformance HOST:PORT: whether the node there does all that a node must; exit code 0 or 1."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from client.link import parse_server
from rpc.errors import ExitCode, TaskRejected, TrainerError
from tests.conformance import checks, checks_of_keeping
from tests.conformance.peer import Peer

CHECKS = (*checks.CHECKS, *checks_of_keeping.CHECKS)


def main(argv: Sequence[str]) -> int:
    """Run all checks; print a line for each."""
    if len(argv) != 1:
        print("usage: python -m tests.conformance HOST:PORT", file=sys.stderr)
        return ExitCode.USAGE
    try:
        endpoint = parse_server(argv[0])
    except TrainerError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return error.exit_code
    failed = 0
    for check in CHECKS:
        flaw = flaw_of(check, endpoint)
        failed += bool(flaw)
        print(f"{'FAIL' if flaw else 'pass'}  {check.__name__.replace('_', ' ')}{flaw and ': ' + flaw}", flush=True)
    print(f"{len(CHECKS) - failed} of {len(CHECKS)} passed")
    return ExitCode.FAILED if failed else ExitCode.DONE


def flaw_of(check: Callable[[Peer], None], endpoint: tuple[str, int], meet: Callable[..., Peer] = Peer) -> str:
    """What the node does wrong, in one line; nothing if the check passes."""
    try:
        with meet(*endpoint) as peer:
            check(peer)
    except AssertionError as error:
        return str(error) or "it does otherwise"
    except (TrainerError, TaskRejected) as error:
        return f"{type(error).__name__}: {error}"
    except Exception as error:  # whatever a strange node does to the stock client
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
