"""The classic `train(dir, ...)` call: a folder below the data root becomes blobs and the settings of a run."""

from __future__ import annotations

from pathlib import Path

from mlcore.shards import DataError, find_shards
from rpc.blobs import BlobFolder, blob_name, parts
from rpc.errors import BadData, BadRequest
from rpc.messages import DataFile


def folder_below(root: Path, name: str) -> Path:
    """Return the folder that a client named, if it lies below the root; nothing that leads out of it is followed.

    Raises:
        BadRequest: it is outside, or no path at all.
    """
    base = root.resolve()
    try:
        folder = (base / name).resolve()
    except (OSError, ValueError) as error:
        raise BadRequest(f"dir {name!r} is no folder name") from error
    if not folder.is_relative_to(base):
        raise BadRequest(f"dir {name!r} is not below the data root of the coordinator; see --data-root")
    return folder


def take_folder(folder: Path, name: str, blobs: BlobFolder) -> tuple[tuple[DataFile, ...], DataFile]:
    """Store the files of a dataset as blobs; return its shards in order and its validation file.

    Raises:
        BadData: the folder holds no dataset, or a file cannot be read.
    """
    try:
        dataset = find_shards(folder)
        for path in (*dataset.train, dataset.validation):
            if not path.resolve().is_relative_to(folder):
                raise BadData(f"{name}/{path.name} leads out of its folder; put the file itself there")
        shards = tuple(_take_file(path, name, blobs) for path in dataset.train)
        return shards, _take_file(dataset.validation, name, blobs)
    except (DataError, OSError) as error:
        # The client named the folder by its own name; where the coordinator keeps it is not told.
        raise BadData(str(error).replace(str(folder), name)) from error


def _take_file(path: Path, name: str, blobs: BlobFolder) -> DataFile:
    data = memoryview(path.read_bytes())
    blob = blob_name(data)
    for offset, length in parts(data.nbytes):
        blobs.put(blob, data.nbytes, offset, data[offset : offset + length])
    return DataFile(f"{name}/{path.name}", blob, data.nbytes)
