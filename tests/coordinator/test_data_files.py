"""Data that is damaged in the coordinator's folder is noticed, and may be sent again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from coordinator.data_files import data_of
from rpc.blobs import BlobFolder
from rpc.errors import MissingBlob
from rpc.messages import DataFile
from tests.system.test_damaged_models import flip, tear

DATA = b"1,2,0\n" * 100


@pytest.mark.parametrize("damage", [flip, tear, Path.unlink])
def test_damaged_data_is_not_read_and_may_be_sent_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    blobs = BlobFolder(tmp_path)
    file = DataFile("train_x1.txt", blobs.store(DATA), len(DATA))
    assert data_of(file, blobs) == DATA
    damage(blobs.file(file.blob))
    for _ in range(2):
        with pytest.raises(MissingBlob, match=r"train_x1\.txt: .* was damaged or removed; submit it again"):
            data_of(file, blobs)
    assert blobs.names() == []
    assert blobs.put(file.blob, len(DATA), 0, DATA).have == len(DATA)
    assert data_of(file, blobs) == DATA
