"""The session of a command: with the coordinator that its arguments name, as whom they say."""

from __future__ import annotations

import argparse

from client.api import Session, connect
from rpc.tls_options import trust_from


def connected(args: argparse.Namespace) -> Session:
    """Return a session; raises as `connect`."""
    return connect(args.server, token_file=args.token_file, trust=trust_from(args))
