"""The compute node; see compute_node/cli.py."""

import sys

from rpc.starting import start

sys.exit(start("compute_node"))
