"""A folder belongs to one process at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rpc.errors import ExitCode, TrainerError
from rpc.folder_lock import FolderLock

PROGRAM = """
import sys
from pathlib import Path
from rpc.folder_lock import FolderLock
held = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_that_a_process_holds_is_refused_until_it_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(TrainerError) as refused:
            FolderLock(folder)
        holder.kill()
    assert str(refused.value) == f"{folder} is in use by another node or coordinator; give each its own --data-dir"
    assert refused.value.exit_code == ExitCode.FAILED
    FolderLock(folder).release()


def test_a_folder_can_be_taken_again_once_it_is_released(tmp_path: Path) -> None:
    first = FolderLock(tmp_path)
    with pytest.raises(TrainerError, match="in use"):
        FolderLock(tmp_path)
    first.release()
    FolderLock(tmp_path).release()


def test_a_folder_that_cannot_be_made_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/x")):
        with pytest.raises(TrainerError, match=rf"^{folder}: cannot be used: [^\n]*; choose another --data-dir$"):
            FolderLock(folder)


def test_a_lock_is_lost_with_its_file(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    assert not lock.is_lost
    (tmp_path / "lock").unlink()
    assert lock.is_lost
    lock.release()
