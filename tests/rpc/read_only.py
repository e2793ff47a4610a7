"""Folders that become read-only under a running program, as a disk does that met an error."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder takes nothing, but from whoever has the file open already."""
    if not make_read_only(folder):
        pytest.skip("only root can mount a file system")
    try:
        yield
    finally:
        make_writable(folder)


def make_read_only(folder: Path) -> bool:
    """Lay the folder over itself, read-only; False where this user may not."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    return subprocess.run(["mount", "-o", "bind,ro", folder, folder]).returncode == 0


def make_writable(folder: Path) -> None:
    """Take that away again; what was opened meanwhile stays open, and read-only."""
    subprocess.run(["umount", "--lazy", folder], check=True)


def may_make_read_only() -> bool:
    """Whether this user may."""
    with tempfile.TemporaryDirectory() as name:
        if not make_read_only(folder := Path(name)):
            return False
        make_writable(folder)
    return True
