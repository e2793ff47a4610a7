"""The one door to the generated Thrift classes: puts gen-py on the path when running from a checkout."""

import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parent.parent / "gen-py"
if _CHECKOUT.is_dir() and str(_CHECKOUT) not in sys.path:
    sys.path.insert(0, str(_CHECKOUT))

from trainer_idl import ComputeNode, Coordinator, ttypes  # noqa: E402

__all__ = ["ComputeNode", "Coordinator", "ttypes"]
