"""Whether the data folder is the one that the open runs began with."""

from __future__ import annotations

from coordinator.store.failures import StoreUnusable
from coordinator.store.reading import Reader
from rpc.blobs import BlobFolder


def check_files(reader: Reader, blobs: BlobFolder) -> None:
    """Refuse a folder that has none of the files of the first run to go on with: it would end them all.

    Raises:
        StoreUnusable: says which folder is meant.
    """
    first = next(reader.open_work(), None)
    names = set() if first is None else {name for name in first.blobs.values() if name}
    if first is not None and names and names.isdisjoint(blobs.names()):
        raise StoreUnusable(
            f"{blobs.path} has none of the files of {first.work.id}, which is under way; give the --data-dir that it "
            "began with"
        )
