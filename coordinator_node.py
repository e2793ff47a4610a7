"""The coordinator by its old name; see coordinator/cli.py."""

import sys

from coordinator.cli import main

sys.exit(main())
