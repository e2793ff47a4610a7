"""Stored files that are not what they were: told from whole ones, and set aside so that they can be sent again."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

SET_ASIDE = ".damaged"


def is_torn(file: Path, size: int) -> bool:
    """Whether a file that has another size than somebody says is not that of its name, which is its SHA-256."""
    return file.stat().st_size != size and not is_whole(file)


def is_whole(file: Path) -> bool:
    """Whether a file is that of its name, which is its SHA-256; raises FileNotFoundError if it is not there."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == file.name


def set_aside(file: Path) -> None:
    """Take a file out of the way, if it is still there."""
    with suppress(FileNotFoundError):
        os.replace(file, file.with_suffix(SET_ASIDE))
