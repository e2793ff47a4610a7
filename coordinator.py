"""The coordinator; see coordinator/cli.py."""

import sys

from rpc.starting import start

sys.exit(start("coordinator"))
