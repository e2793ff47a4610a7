"""Where the letters are that Roundhouse brings along: inside an installed package, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

from rpc.errors import NotFound

_HERE = Path(__file__).resolve().parent


def letters() -> Path:
    """Return their folder; NotFound where they were not installed."""
    for folder in (_HERE.parent / "roundhouse" / "letters", _HERE.parent / "letters"):
        if folder.is_dir():
            return folder
    raise NotFound("the letters were not installed with this program; submit data of your own")
