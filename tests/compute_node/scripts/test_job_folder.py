"""The folder of a job: measured and removed, whatever the job has made of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compute_node.scripts.box import MIB, Box, Limits
from compute_node.scripts.job_folder import clear_away, lay_out, too_full


@pytest.fixture
def box(tmp_path: Path) -> Box:
    (tmp_path / "job" / "bundle").mkdir(parents=True)
    limits = Limits(disk_bytes=MIB, files=100)
    box = Box("job", str(tmp_path / "job"), ("python",), limits=limits, datasets={"mine": "/usr"})
    lay_out(box, None, links=True)
    return box


def deepen(where: str, depth: int) -> None:
    """Make folders in each other; too deep for one path."""
    fd = os.open(where, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(fd)


def test_links_lead_to_out_and_data(box: Box) -> None:
    assert os.readlink(f"{box.work}/out") == box.out
    assert os.readlink(f"{box.work}/data/mine") == "/usr"


def test_links_are_not_followed_when_it_is_measured(box: Box) -> None:
    assert too_full(box, []) is None


def test_bytes_and_files_are_counted_in_every_part(box: Box) -> None:
    for part in (box.work, box.out, box.tmp):
        Path(part, "x").write_bytes(bytes(MIB // 2))
    assert too_full(box, []) == "disk"
    for number in range(100):
        Path(box.tmp, str(number)).touch()
    assert too_full(box, []) == "files"


def test_a_removed_file_that_is_open_counts(box: Box) -> None:
    with open(f"{box.out}/x", "wb") as file:
        os.remove(f"{box.out}/x")
        file.write(bytes(2 * MIB))
        file.flush()
        assert too_full(box, [os.getpid()]) == "disk"
        assert too_full(box, []) is None


def test_folders_too_deep_to_be_counted_are_too_many(box: Box) -> None:
    deepen(box.out, 80)
    assert too_full(box, []) == "files"


def test_a_missing_part_cannot_be_counted(box: Box) -> None:
    os.rmdir(box.tmp)
    assert too_full(box, []) == "files"


def test_all_is_cleared_away_however_deep_and_closed(box: Box) -> None:
    deepen(box.out, 3000)
    for closed in (f"{box.tmp}/closed", f"{box.tmp}/closed/inner"):
        os.mkdir(closed)
        Path(closed, "file").touch()
    os.mkdir(f"{box.folder}/lifted-0")
    Path(box.folder, "lifted-0", "full").touch()
    os.mkfifo(f"{box.tmp}/pipe")
    os.symlink("/usr", f"{box.tmp}/link")
    for closed in (f"{box.tmp}/closed/inner", f"{box.tmp}/closed"):
        os.chmod(closed, 0)
    clear_away(box.folder)
    assert not os.path.lexists(box.folder)
    assert os.path.isdir("/usr")
