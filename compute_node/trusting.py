"""Whom a node trusts to be its coordinator: with a fingerprint it asks there for the authority, until it has it."""

from __future__ import annotations

import logging
import ssl
import time

from compute_node.config import NodeConfig
from rpc.errors import TimedOut, Unreachable

logger = logging.getLogger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0


def trusted(config: NodeConfig) -> ssl.SSLContext | None:
    """How the coordinator is called that is joined; waits for one that is away. None: without TLS.

    Raises:
        Refused: there is another coordinator than the fingerprint says.
        TrainerError: as `Trust.context` does.
    """
    assert config.join is not None
    pause_s, told = _FIRST_PAUSE_S, ""
    while True:
        try:
            return config.trust.context(*config.join)
        except (Unreachable, TimedOut) as error:
            if str(error) != told:
                logger.warning("%s; asking again for its authority", error)
            told = str(error)
        time.sleep(pause_s)
        pause_s = min(_LONGEST_PAUSE_S, 2.0 * pause_s)
