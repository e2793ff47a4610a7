"""Sending data files to the coordinator: only what it lacks, part by part, going on where it stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from client.link import Link
from mlcore.shards import DataError, Dataset, find_shards
from rpc.errors import BadData, MissingBlob, ProtocolError
from rpc.messages import PART_BYTES, BlobState, DataFile

OnSent = Callable[[int, int], None]  # bytes that the coordinator holds, of all


def find_data(directory: Path) -> Dataset:
    """Return the data files of a folder.

    Raises:
        BadData: the folder does not hold one dataset, or a file of it is empty or has a name that cannot be sent;
            names which and the way out.
    """
    try:
        dataset = find_shards(directory)
        for path in (*dataset.train, dataset.validation):
            if not path.stat().st_size:
                raise BadData(f"{path}: is empty; fill it or remove it")
            _check_name(path)
    except DataError as error:
        raise BadData(str(error)) from error
    except OSError as error:
        raise BadData(f"{error.filename}: cannot be read: {error.strerror}") from error
    return dataset


def describe(path: Path) -> DataFile:
    """Return the file's name, blob and size.

    Raises:
        BadData: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return DataFile(file=path.name, blob=f"sha256:{digest}", size=file.tell())
    except OSError as error:
        raise BadData(f"{path}: cannot be read: {error.strerror}") from error


def upload(link: Link, dataset: Dataset, on_sent: OnSent) -> tuple[DataFile, ...]:
    """Make the coordinator hold every file of the dataset; return them, the training shards first.

    Raises:
        BadData: a file cannot be read or changes while it is sent.
        TrainerError: the coordinator refuses it or cannot be reached.
    """
    return send_files(link, (*dataset.train, dataset.validation), on_sent)


def send_files(link: Link, paths: Sequence[Path], on_sent: OnSent) -> tuple[DataFile, ...]:
    """Make the coordinator hold these files; raises what `upload` does."""
    files = tuple(describe(path) for path in paths)
    total = sum(file.size for file in files)
    done = 0
    for path, file in zip(paths, files, strict=True):
        _deliver(link, path, file, partial(_report, on_sent, done, total))
        done += file.size
    return files


def _report(on_sent: OnSent, done: int, total: int, have: int) -> None:
    on_sent(done + have, total)


def _check_name(path: Path) -> None:
    try:
        path.name.encode()
    except UnicodeEncodeError as error:  # Python holds such bytes as surrogates
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        raise BadData(f"{shown}: the file's name is not UTF-8; rename it") from error


def _deliver(link: Link, path: Path, blob: DataFile, on_have: Callable[[int], None]) -> None:
    """Send one file. What an earlier upload left damaged there is dropped at its end, so one more try is due then."""
    for is_last in (False, True):
        try:
            for have in _send(link, path, blob):
                on_have(have)
            return
        except MissingBlob as error:
            if is_last:
                raise BadData(f"{path}: changed while it was sent; start again when nobody writes to it") from error


def _send(link: Link, path: Path, blob: DataFile) -> Iterator[int]:
    """Send one file; yield how many bytes of it the coordinator holds, after each part."""
    have = _put(link, blob, 0, b"")  # asks only
    yield have
    try:
        with path.open("rb") as file:
            while have < blob.size:
                before = have
                have = _put(link, blob, have, _read_part(file, have))
                if have <= before:
                    raise BadData(f"{path}: changed while it was sent; start again when nobody writes to it")
                yield have
    except OSError as error:
        raise BadData(f"{path}: cannot be read: {error.strerror}") from error


def _read_part(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    return file.read(PART_BYTES)


def _put(link: Link, blob: DataFile, offset: int, data: bytes) -> int:
    state: BlobState = link.call_again("put_blob", blob.blob, blob.size, offset, data)
    if not 0 <= state.have <= blob.size:
        raise ProtocolError(f"the coordinator says to hold {state.have} of {blob.size} bytes of {blob.file}")
    return state.have
