"""The compute node; see compute_node/cli.py."""

import sys

from compute_node.cli import main

sys.exit(main())
