"""Tests of folders that are this user's alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rpc.blobs import BlobFolder
from rpc.private_folder import make

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes of folders are of POSIX")


def mode_of(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def test_others_may_not_look_into_a_new_one(tmp_path: Path) -> None:
    assert mode_of(make(tmp_path / "one" / "within")) == 0o700


def test_one_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert mode_of(make(tmp_path)) == 0o700


def test_nobody_else_may_look_at_blobs(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir(0o755)
    BlobFolder(tmp_path / "blobs").close()
    assert mode_of(tmp_path / "blobs") == 0o700
