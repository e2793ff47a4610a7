"""User numbers of running jobs: a job of a node that is root runs as nobody else on the machine does."""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Numbers that no distribution gives to a person, service, container or systemd (its UIDS-GIDS document).
FIRST_UID = 1_900_000_000
N_UIDS = 1000
_LOCKS = "/run/roundhouse/users"
_PUBLIC_FOLDERS = ("/dev/shm", "/tmp", "/var/tmp")


@dataclass(frozen=True, slots=True)
class JobUser:
    """A user number that is this process's until it ends or releases it."""

    uid: int
    _lock: int

    def kill_all(self) -> None:
        """Kill every process of this user at once; none can slip through by forking. For a process without threads."""
        assert FIRST_UID <= self.uid < FIRST_UID + N_UIDS
        child = os.fork()
        if child == 0:
            try:
                become(self.uid)
                os.kill(-1, signal.SIGKILL)
            finally:
                os._exit(0)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)

    def clear_public_folders(self) -> None:
        """Remove what processes of this user have left where everybody may write; they have all ended."""
        for folder in _PUBLIC_FOLDERS:
            with suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(OSError):
                        if entry.stat(follow_symlinks=False).st_uid == self.uid:
                            _remove(entry)

    def release(self) -> None:
        """Let others have the number."""
        os.close(self._lock)


def _remove(entry: os.DirEntry[str]) -> None:
    if not entry.is_dir(follow_symlinks=False):
        os.unlink(entry.path)
        return
    from compute_node.scripts.trees import remove_tree  # few jobs leave a folder, and a watchdog is to start fast

    remove_tree(Path(entry.path))


def take_user(only: int | None = None) -> JobUser:
    """A number that no running job on this machine has, whichever node it is of (or the number `only`).

    Raises:
        OSError: all are taken.
    """
    os.makedirs(_LOCKS, mode=0o700, exist_ok=True)
    for uid in range(FIRST_UID, FIRST_UID + N_UIDS) if only is None else [only]:
        lock = os.open(f"{_LOCKS}/{uid}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return JobUser(uid, lock)
    raise OSError("all user numbers for jobs are taken")


def become(uid: int) -> None:
    """Be this user, and nothing more, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
