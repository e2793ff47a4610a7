"""Files that nobody needs go by their age; what somebody has asked about is as good as new."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rpc.blobs import BlobFolder, blob_name


@pytest.fixture
def folder(tmp_path: Path) -> BlobFolder:
    return BlobFolder(tmp_path / "blobs")


def test_what_somebody_asks_about_again_is_not_old(folder: BlobFolder) -> None:
    asked, forgotten = folder.store(b"asked"), folder.store(b"forgotten")
    for name in (asked, forgotten):
        os.utime(folder.file(name), (0, 0))
    folder.state(asked, len(b"asked"))
    assert folder.names(untouched_s=60.0) == [forgotten]
    for name in (asked, forgotten):
        folder.remove(name, untouched_s=60.0)
    assert folder.names() == [asked]


def test_beginnings_that_nobody_goes_on_with_are_removed_and_the_others_gone_on_with(folder: BlobFolder) -> None:
    data = {name: os.urandom(100) for name in ("old", "fresh", "coming")}
    for each in data.values():
        folder.put(blob_name(each), 100, 0, each[:50])
    folder.close()
    after = BlobFolder(folder.path)
    for name in ("old", "coming"):
        os.utime(folder.file(blob_name(data[name])).with_suffix(".part"), (0, 0))
    assert after.state(blob_name(data["coming"]), 100).have == 50
    after.remove_parts(60.0)
    assert [after.put(blob_name(each), 100, 50, each[50:]).have for each in data.values()] == [0, 100, 100]


def test_a_torn_blob_is_sent_again_and_what_was_there_goes_after_a_while(folder: BlobFolder) -> None:
    data = os.urandom(100)
    name = folder.store(data)
    folder.file(name).write_bytes(data[:40])
    assert folder.state(name, len(data)).have == 0
    assert folder.put(name, len(data), 0, data).have == len(data) and folder.checked(name) == data
    torn = folder.file(name).with_suffix(".damaged")
    folder.remove_parts(60.0)
    assert torn.read_bytes() == data[:40]
    os.utime(torn, (0, 0))
    folder.remove_parts(60.0)
    assert not torn.exists() and folder.checked(name) == data
