"""Folders into which nobody but this user may look: others on the machine, jobs among them, may be anybody's."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_OTHERS = 0o077


def make(folder: Path, *, is_private: bool = True) -> Path:
    """Make a folder, or close one that is there to others; return it.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700 if is_private else 0o777, parents=True, exist_ok=True)
    if is_private:
        with suppress(OSError):  # it is somebody else's, or the disk takes nothing now
            if folder.stat().st_mode & _OTHERS:
                folder.chmod(0o700)
    return folder
