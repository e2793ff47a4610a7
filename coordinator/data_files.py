"""Files that clients have sent, as they are read from the blob folder: never damaged, and then to be sent again."""

from __future__ import annotations

from collections.abc import Iterable

from rpc.blob_damage import is_whole
from rpc.blobs import BlobFolder
from rpc.errors import MissingBlob, NotFound
from rpc.messages import DataFile


def check_data(file: DataFile, blobs: BlobFolder) -> int:
    """Return the size of a file in bytes if its hash is right; on a thread. It may be larger than the memory.

    Raises:
        MissingBlob: it is damaged or gone. The next client that submits it sends it anew: nobody else has it.
    """
    path = blobs.file(file.blob)
    try:
        if is_whole(path):
            return path.stat().st_size
        blobs.set_aside(file.blob)
    except FileNotFoundError:
        pass  # the next line says so
    raise MissingBlob(
        f"{file.file}: what the coordinator has of it ({file.blob}) was damaged or removed;"
        " submit it again, which sends it anew"
    )


def data_of(file: DataFile, blobs: BlobFolder) -> bytes:
    """Return the bytes of a file; on a thread. As `check_data`."""
    check_data(file, blobs)
    return blobs.read(file.blob)


def check_here(files: Iterable[DataFile], blobs: BlobFolder, what: str) -> None:
    """Raise NotFound if a file that a run or job needs was not put before."""
    for file in files:
        if not blobs.file(file.blob).exists():
            raise NotFound(f"{file.file}: {file.blob} is not here; put the blob before the {what} is submitted")
