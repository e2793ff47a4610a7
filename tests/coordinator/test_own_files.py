"""The data folder must be the one that the open runs began with."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.own_files import check_files
from coordinator.store.failures import StoreUnusable
from rpc.blobs import BlobFolder
from tests.coordinator.store.stores import Batches, open_store, submitted


def test_a_folder_without_the_files_of_an_open_run_is_refused(tmp_path: Path) -> None:
    mine, other = BlobFolder(tmp_path / "mine"), BlobFolder(tmp_path / "other")
    name = mine.store(b"1,2,0\n")
    with open_store(tmp_path / "store.db") as store:
        check_files(store.reader, other)
        Batches(store).write(submitted("a", blobs={"validation": name, "shard 0": name}))
        check_files(store.reader, mine)
        with pytest.raises(StoreUnusable, match=r"other has none of the files of a, .* --data-dir"):
            check_files(store.reader, other)
    mine.close()
    other.close()
