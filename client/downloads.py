"""Fetching files from the coordinator: whole, checked, and never outside the folder that was named."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from client.files import replace_file
from client.link import Link
from rpc.archive_names import split_path
from rpc.blobs import parts
from rpc.errors import BadBundle, BadData, BadRequest
from rpc.messages import Buffer, DataFile


def fetch_files(link: Link, files: Sequence[DataFile], folder: Path, *, force: bool) -> list[Path]:
    """Write files below a folder, by their names; return where. Nothing is begun where one cannot be written.

    Args:
        force: replace files that are there.

    Raises:
        BadRequest: a file is there already, or the folder cannot be made.
        BadData: a name leads out of the folder, or what arrived is not what it should be.
    """
    targets = [_target(file.file, folder, force=force) for file in files]
    for file, target in zip(files, targets, strict=True):
        _check_inside(target, folder)
        _make_folder(target.parent)
        _check_free(target, force=force)  # one of these files may be another one's name where case does not count
        replace_file(target, partial(_fetch, link, file))
    return targets


def _target(name: str, folder: Path, *, force: bool) -> Path:
    try:
        target = folder.joinpath(*split_path(name))
    except BadBundle as error:
        raise BadData(f"an artifact is called {name!r}; no file is made by such a name, as it may lead away") from error
    _check_free(target, force=force)
    return target


def _check_free(target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise BadRequest(f"{target}: is a folder; choose another --out")
    if not force and (target.exists() or target.is_symlink()):
        raise BadRequest(f"{target}: is there already; choose another --out, or --force replaces it")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadRequest(f"{folder}: cannot be made: {error.strerror}; choose another --out") from error


def _check_inside(target: Path, folder: Path) -> None:
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise BadData(f"{target.parent}: a link leads out of {folder}; choose another --out")


def _fetch(link: Link, file: DataFile, path: Path) -> None:
    digest = hashlib.sha256()
    with path.open("wb") as out:
        for offset, length in parts(file.size):
            part: Buffer = link.call_again("get_blob", file.blob, offset, length)
            if len(part) != length:
                break
            digest.update(part)
            out.write(part)
    if f"sha256:{digest.hexdigest()}" != file.blob:
        raise BadData(f"{file.file}: is damaged, in the coordinator's files or on the way; fetch it again")
