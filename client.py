"""The client; see client/cli.py."""

import sys

from rpc.starting import start

sys.exit(start("client"))
