"""`python -m roundhouse`: the same as the `roundhouse` command."""

import sys

from roundhouse.cli import main

sys.exit(main())
