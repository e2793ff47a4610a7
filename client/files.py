"""Files that are replaced whole: nobody ever sees half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from rpc.errors import BadRequest, TrainerError


def check_can_replace(target: Path) -> None:
    """Raise BadRequest if `replace_file` would certainly fail: better known before a long run than after."""
    if target.is_dir():
        raise BadRequest(f"{target}: is a folder; name a file in it")
    if not target.parent.is_dir():
        raise BadRequest(f"{target}: its folder does not exist; make it, or choose another place")
    if not os.access(target.parent, os.W_OK):
        raise BadRequest(f"{target}: its folder cannot be written; choose another place")


def replace_file(target: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file beside `target`, with the same suffix, and put it in its place.

    Raises:
        TrainerError: the folder is not there or cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}.", suffix=target.suffix)
        os.close(handle)
        scratch = Path(name)
        try:
            write(scratch)
            # mkstemp makes private files, but a result is an ordinary file of its owner.
            scratch.chmod(0o666 & ~_umask())
            scratch.replace(target)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise TrainerError(f"{target}: cannot be written: {error.strerror}; choose another place") from error


def _umask() -> int:
    mask = os.umask(0)  # the only way to read it is to set it
    os.umask(mask)
    return mask
