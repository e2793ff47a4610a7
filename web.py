"""The web server; see web/cli.py."""

import sys

from web.cli import main

sys.exit(main())
