"""A lock on a folder, so that one process at a time uses it; the system releases it when the process ends."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from weakref import finalize

from rpc.errors import TrainerError
from rpc.private_folder import make

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_HELD = (errno.EAGAIN, errno.EACCES)  # what flock and locking say of a lock that another process holds


class FolderLock:
    """Holds a folder, made if need be, until `release`; the lock is on a file `lock` in it."""

    def __init__(self, folder: Path, *, is_private: bool = False) -> None:
        """Take the folder; `is_private`: others of this machine may not look into it.

        Raises:
            TrainerError: another process holds it, or it cannot be made or written to.
        """
        try:
            make(folder, is_private=is_private)
            self._descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise _unusable(folder, error) from error
        self.release = finalize(self, os.close, self._descriptor)
        try:
            _lock(self._descriptor)
        except OSError as error:
            self.release()
            if error.errno in _HELD:
                raise TrainerError(
                    f"{folder} is in use by another node or coordinator; give each its own --data-dir"
                ) from error
            raise _unusable(folder, error) from error

    @property
    def is_lost(self) -> bool:
        """Whether somebody has removed the folder, and the lock with it."""
        return self.release.alive and os.fstat(self._descriptor).st_nlink == 0


def _unusable(folder: Path, error: OSError) -> TrainerError:
    return TrainerError(f"{folder}: cannot be used: {error.strerror}; choose another --data-dir")
