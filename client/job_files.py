"""The files of a script job on their way to the coordinator: its bundle and its data sets, as ZIPs."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import replace
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from client.bundling import check_bundle, check_dataset, pack_code, pack_folder
from client.job_settings import Program
from client.link import Link
from client.upload import OnSent, send_files
from rpc.archive_limits import DATASET
from rpc.errors import BadRequest
from rpc.messages import Buffer, DataFile, ScriptSpec

_BLOB = re.compile(r"sha256:[0-9a-f]{64}")
_MOST_BYTES = 1 << 36  # that a blob has


class Package:
    """The files of one job, packed in a temporary folder until they are sent; a context manager."""

    def __init__(self, program: Program, spec: ScriptSpec) -> None:
        """Pack what must be packed.

        Raises:
            BadBundle: no node would take it, or the program, or requirements that somebody named, are not in it.
            BadRequest: the code, or a data set, is none.
        """
        self._spec = spec
        self._folder = TemporaryDirectory(prefix="roundhouse-")
        try:
            self._bundle = self._bundle_of(program)
            self._datasets = {
                name: self._dataset(number, name, source)
                for number, (name, source) in enumerate(program.datasets.items())
            }
        except BaseException:
            self._folder.cleanup()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def send(self, link: Link, on_sent: OnSent = lambda have, total: None) -> ScriptSpec:
        """Make the coordinator hold all of it; return what is asked for, with its files filled in."""
        local = {name: path for name, path in self._datasets.items() if isinstance(path, Path)}
        bundle, *sent = send_files(link, (self._bundle, *local.values()), on_sent)
        found = dict(zip(local, sent, strict=True))
        datasets = tuple(
            DataFile(name, path, _size_of(link, path)) if isinstance(path, str) else replace(found[name], file=name)
            for name, path in self._datasets.items()
        )
        return replace(self._spec, bundle=replace(bundle, file="bundle.zip"), datasets=datasets)

    def _bundle_of(self, program: Program) -> Path:
        packed = Path(self._folder.name, "bundle.zip")
        if program.bundle is None:
            pack_code(program.code, packed, Path(program.requirements) if program.requirements else None)
            return packed
        path = program.bundle
        if path.is_dir():
            pack_folder(path, packed)
            path = packed
        check_bundle(path, self._spec.main, program.requirements, program.datasets)
        return path

    def _dataset(self, number: int, name: str, source: str | PathLike[str]) -> Path | str:
        if isinstance(source, str) and _BLOB.fullmatch(source):
            return source
        path = Path(source)
        if path.is_dir():
            target = Path(self._folder.name, f"dataset-{number}.zip")
            pack_folder(path, target, DATASET)
            return target
        if not path.is_file():
            raise BadRequest(f"data set {name}: {path} is no folder, ZIP or sha256:... of a blob; check its path")
        check_dataset(path)
        return path


def _size_of(link: Link, blob: str) -> int:
    """The size of a blob that the coordinator holds: where reading it ends; MissingBlob: it does not."""

    def is_end(offset: int) -> bool:
        byte: Buffer = link.call_again("get_blob", blob, offset, 1)
        return not len(byte)

    return bisect_left(range(_MOST_BYTES), True, key=is_end)
