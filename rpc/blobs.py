"""Lasting things as files named by their SHA-256: received in parts, verified, resumable."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from time import monotonic, time
from typing import BinaryIO, TypeVar

from rpc.blob_damage import SET_ASIDE, is_torn, set_aside
from rpc.errors import BadRequest, DiskFull, MissingBlob
from rpc.folder_lock import FolderLock
from rpc.incoming import IncomingBlob, IncomingBlobs
from rpc.messages import PART_BYTES, BlobState, Buffer
from rpc.refusing_disk import refusals_told

T = TypeVar("T")

_NAME = re.compile(r"sha256:([0-9a-f]{64})")
_MAX_BLOB_BYTES = 64 << 30
_STORED = "stored.part"
_KEEP_FREE_BYTES = 64 << 20  # of the disk, for everything else


def blob_name(data: Buffer) -> str:
    """The name of these bytes: sha256:<64 hex digits>."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def parts(size: int) -> Iterator[tuple[int, int]]:
    """Offset and length of each part that `size` bytes travel in; one empty part for none."""
    yield 0, min(size, PART_BYTES)
    for offset in range(PART_BYTES, size, PART_BYTES):
        yield offset, min(PART_BYTES, size - offset)


class BlobFolder:
    """The blobs in one folder; any number of threads of one process may use it, several for one blob take turns.

    A blob has its name only when it is whole and its hash is right; until then it is a `.part` file, which a
    later process goes on with, and which is dropped when nobody has sent more of it for an hour. Every method
    raises BadRequest for a name that is none.

    Attributes:
        path: the folder.
    """

    def __init__(
        self, path: Path, *, keep_free_bytes: int = _KEEP_FREE_BYTES, clock: Callable[[], float] = monotonic
    ) -> None:
        """Open a folder, making it if need be; no blob is begun that would leave less than `keep_free_bytes`.

        Raises:
            TrainerError: another process uses the folder, or it cannot be made or written to.
        """
        self.path = path
        self._keep_free_bytes = keep_free_bytes
        self._coming = IncomingBlobs(clock)
        self._lock = Lock()
        self._storing = Lock()
        self._held = FolderLock(path, is_private=True)

    def close(self) -> None:
        """Leave the folder to other processes, and to other objects of this one."""
        self._held.release()

    def file(self, name: str) -> Path:
        """Where a blob is when it is whole."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise BadRequest(f"{name[:80]!r} is no blob name; it must be sha256: and 64 hex digits")
        return self.path / match[1]

    def state(self, name: str, size: int) -> BlobState:
        """How much of a blob is here.

        Raises:
            BadRequest: the size is negative, above 64 GiB, or not that of the blob, which is here already.
            DiskFull: the disk has no room for the rest of it, or is read-only.
        """
        return self.put(name, size, 0, b"")

    def put(self, name: str, size: int, offset: int, data: Buffer) -> BlobState:
        """Take a part; one at another offset than the next is left aside, and the answer says where to go on.

        Raises:
            BadRequest: as `state`, or the part reaches beyond the size.
            DiskFull: as `state`, or the disk is full or read-only now; the part may be sent again.
            MissingBlob: all bytes came and their hash is wrong; they have been removed, and may be sent again.
        """
        self.file(name)  # which refuses what is no name
        if size < 0 or offset < 0 or offset + len(data) > size:
            raise BadRequest(f"{name}: a part of {len(data)} bytes at {offset} does not fit a blob of {size} bytes")
        if size > _MAX_BLOB_BYTES:
            raise BadRequest(f"{name}: {size} bytes are too many; a blob has at most {_MAX_BLOB_BYTES}")
        return self._written(lambda: self._take(name, size, offset, data))

    def store(self, data: Buffer) -> str:
        """Make a blob of bytes that nobody sends, hashed as they are written; return its name.

        Raises:
            DiskFull: the disk has no room for it, or is read-only.
        """
        view = memoryview(data).cast("B")
        pieces = [view[start : start + length] for start, length in parts(len(view))]
        return self._written(lambda: self._store_pieces(iter(pieces), len(view)))

    def store_file(self, file: BinaryIO, size: int) -> str:
        """Make a blob of the first `size` bytes of a file; as `store`, or OSError: it has become shorter."""

        def pieces() -> Iterator[bytes]:
            file.seek(0)
            for _, length in parts(size):
                piece = file.read(length)
                if len(piece) < length:
                    raise OSError(errno.EIO, "the file became shorter while it was read")
                yield piece

        return self._written(lambda: self._store_pieces(pieces(), size))

    def get(self, name: str, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on; fewer at the end.

        Raises:
            BadRequest: the offset is none of a blob, or the length none of a part.
            MissingBlob: it is not here, or not whole.
        """
        if not 0 <= offset <= _MAX_BLOB_BYTES or not 0 <= length <= PART_BYTES:
            raise BadRequest(f"{name}: {length} bytes from {offset} cannot be asked for; a part has up to {PART_BYTES}")
        try:
            with self.file(name).open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except FileNotFoundError as error:
            raise _missing(name) from error

    def read(self, name: str) -> bytes:
        """All bytes of a blob; raises MissingBlob if it is not here, or not whole."""
        try:
            return self.file(name).read_bytes()
        except FileNotFoundError as error:
            raise _missing(name) from error

    def checked(self, name: str) -> bytes:
        """All bytes of a blob, whose hash is right.

        Raises:
            MissingBlob: it is not here, or was damaged.
        """
        data = self.read(name)
        if blob_name(data) != name:
            raise MissingBlob(f"{self.file(name)}: was damaged, its SHA-256 differs; restore it from a copy")
        return data

    def set_aside(self, name: str) -> None:
        """Make way for a blob that was damaged to be sent again; until `remove_parts` it is a `.damaged` file."""
        with self._lock:
            set_aside(self.file(name))

    def names(self, *, untouched_s: float = 0.0) -> list[str]:
        """Names of the whole blobs, sorted; of those that were neither written nor asked about for so long."""
        try:
            found = [entry for entry in self.path.iterdir() if not untouched_s or _is_older(entry, untouched_s)]
        except FileNotFoundError:
            return []
        return sorted(name for name in (f"sha256:{entry.name}" for entry in found) if _NAME.fullmatch(name))

    def remove(self, name: str, *, untouched_s: float = 0.0) -> None:
        """Forget a blob, whole or not, unless it was written or asked about within `untouched_s`."""
        file = self.file(name)
        with self._lock:
            if untouched_s and not _is_older(file, untouched_s):
                return
            self._coming.end(name)
            file.unlink(missing_ok=True)
            _part(file).unlink(missing_ok=True)

    def remove_parts(self, untouched_s: float) -> None:
        """Forget what earlier processes got of blobs of which nobody has sent more for so long, and damaged ones."""
        for part in (*self.path.glob("*.part"), *self.path.glob(f"*{SET_ASIDE}")):
            with self._lock:
                if self._coming.find(f"sha256:{part.stem}") is None and _is_older(part, untouched_s):
                    part.unlink(missing_ok=True)

    def _take(self, name: str, size: int, offset: int, data: Buffer) -> BlobState:
        file = self.file(name)
        incoming = self._begin(name, size, file)
        if incoming is None:
            return BlobState(name, size, size)
        with incoming.lock:
            if not incoming.is_over:
                incoming.resize(size)
                if data and offset == incoming.have:
                    incoming.append(data)
                if incoming.have == size:
                    self._finish(name, incoming, file)
                return BlobState(name, size, incoming.have)
        return self._take(name, size, offset, data)  # another thread ended it while this one waited

    def _written(self, write: Callable[[], T]) -> T:
        """Do it; where somebody has removed the folder, make it again first."""
        with refusals_told(str(self.path)):
            try:
                return write()
            except FileNotFoundError:
                self._make_again()
                return write()

    def _store_pieces(self, pieces: Iterator[Buffer], size: int) -> str:
        with self._storing:  # one file, which the next one overwrites if a process is killed here
            path = self.path / _STORED
            self._check_room("a new blob", size)
            path.unlink(missing_ok=True)
            incoming = IncomingBlob(path, size)
            for piece in pieces:
                incoming.append(piece)
            name = incoming.name
            if not incoming.is_right(name):
                raise OSError(errno.EIO, "changed while it was written", str(path))
            os.replace(path, self.file(name))
            self._sync()
        return name

    def _sync(self) -> None:
        """Have the names of files on the disk, too, where the system can."""
        if hasattr(os, "O_DIRECTORY"):
            folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _begin(self, name: str, size: int, file: Path) -> IncomingBlob | None:
        """The blob that is coming in, begun if it was not; None if it is whole."""
        with self._lock:
            if file.exists() and is_torn(file, size):
                set_aside(file)
            if file.exists():
                _check_size(name, size, file.stat().st_size)
                os.utime(file)  # somebody is about to need it
                return None
            incoming = self._coming.find(name)
            if incoming is None:
                incoming = IncomingBlob(_part(file), size)
                self._check_room(name, size - incoming.have)
                self._coming.begin(name, incoming)
            elif incoming.size != size:
                self._check_room(name, size - incoming.have)
        return incoming

    def _finish(self, name: str, incoming: IncomingBlob, file: Path) -> None:
        is_right = incoming.is_right(name)
        with self._lock:
            self._coming.end(name)
            if is_right:
                os.replace(incoming.path, file)
                self._sync()
                return
            incoming.path.unlink(missing_ok=True)
        raise MissingBlob(f"{name}: the bytes that came have another hash; send it again")

    def _make_again(self) -> None:
        """Somebody removed the folder under the running program; what was in it can be sent again."""
        with self._lock:
            if self._held.is_lost:
                self._held.release()
                self._held = FolderLock(self.path, is_private=True)

    def _check_room(self, name: str, more_bytes: int) -> None:
        room = shutil.disk_usage(self.path).free - self._keep_free_bytes
        if more_bytes > room:
            raise DiskFull(
                f"{name}: {more_bytes:,} bytes more do not fit {self.path}, which has room for {max(0, room):,}"
            )


def _part(file: Path) -> Path:
    return file.with_suffix(".part")


def _is_older(file: Path, age_s: float) -> bool:
    try:
        return file.stat().st_mtime < time() - age_s
    except FileNotFoundError:
        return False


def _check_size(name: str, size: int, known: int) -> None:
    if size != known:
        raise BadRequest(f"{name}: has {known} bytes, not {size}")


def _missing(name: str) -> MissingBlob:
    return MissingBlob(f"{name} is not here; send it first")
