"""The web server; see web/cli.py."""

import sys

from rpc.starting import start

sys.exit(start("web"))
