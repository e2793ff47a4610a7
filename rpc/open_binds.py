"""Whether a program may serve where other machines reach it: with tokens and TLS, or because somebody insists."""

from __future__ import annotations

import logging

from rpc.addresses import is_loopback
from rpc.errors import Refused

logger = logging.getLogger(__name__)

INSISTS = "--insecure-i-know"
HELP = "serve other machines without tokens or TLS: for a lab where everybody may do everything"


def check_bind(host: str, lacking: dict[str, bool], *, insists: bool, then: str, option: str = "--host") -> None:
    """Say no to a bind that others reach while something is lacking.

    Args:
        lacking: options to add, and whether what each gives is missing.
        insists: somebody gave --insecure-i-know.
        then: the second thing to do.
        option: that says `host`.

    Raises:
        Refused: with the two commands that mend it.
    """
    missing = [option for option, is_missing in lacking.items() if is_missing]
    if is_loopback(host) or not missing:
        return
    if insists:
        logger.warning("%s: whoever reaches it may do everything, and read what passes (%s)", host, INSISTS)
        return
    raise Refused(
        f"{option} {host} lets other machines in, so callers must be known and connections closed to others: "
        f"1. add {' '.join(missing)}; 2. {then}. In a lab where everybody may do everything, {INSISTS} does without"
    )
