"""The folder of a job: measured, whatever the job has made of it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from compute_node.scripts.box import MIB, Box, Limits
from compute_node.scripts.job_folder import lay_out, measure


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
    assert measure(box, []).limit is None


def test_bytes_and_files_are_counted_in_every_part(box: Box) -> None:
    for part in (box.work, box.out, box.tmp):
        Path(part, "x").write_bytes(bytes(MIB // 2))
    assert measure(box, []).limit == "disk"
    for number in range(100):
        Path(box.tmp, str(number)).touch()
    assert measure(box, []).limit == "files"


def test_a_removed_file_that_is_open_counts(box: Box) -> None:
    with open(f"{box.out}/x", "wb") as file:
        os.remove(f"{box.out}/x")
        file.write(bytes(2 * MIB))
        file.flush()
        assert measure(box, [os.getpid()]).limit == "disk"
        assert measure(box, []).limit is None


def test_folders_too_deep_to_be_counted_are_too_many(box: Box) -> None:
    deepen(box.out, 80)
    assert measure(box, []).limit == "files"


def test_a_missing_part_cannot_be_counted(box: Box) -> None:
    os.rmdir(box.tmp)
    assert measure(box, []).limit == "files"


def test_many_folders_beside_each_other_are_counted(box: Box) -> None:
    wide = replace(box, limits=Limits(files=30_000))
    for number in range(25_000):
        os.mkdir(f"{box.out}/{number}")
    assert measure(wide, []).limit is None
