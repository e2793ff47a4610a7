"""The coordinator by its old name; see coordinator/cli.py."""

import sys

from rpc.starting import start

sys.exit(start("coordinator"))
