"""Folders that somebody else has filled: removed and measured however deep they are, and no link is followed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from uuid import uuid4

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK_BYTES = 512  # the unit of st_blocks on any system


def remove_tree(folder: Path) -> None:
    """Remove a folder and all below it; nobody may write to it meanwhile.

    `shutil.rmtree` calls itself for each level before Python 3.13, and a path has at most 4096 bytes: a job can make a
    deeper tree in a second. Here each folder is moved to the top before it is emptied, so all lie side by side.

    Raises:
        OSError: something cannot be removed.
    """
    top = os.open(folder, _FOLDER)
    try:
        prefix = uuid4().hex
        n_moved = 0
        while names := os.listdir(top):
            for name in names:
                if not _is_folder(name, top):
                    os.unlink(name, dir_fd=top)
                    continue
                n_moved = _flatten(name, top, f"{prefix}.", n_moved)
    finally:
        os.close(top)
    folder.rmdir()


def _flatten(name: str, top: int, prefix: str, n_moved: int) -> int:
    """Remove a folder in `top`, moving the folders in it to `top`; return how many have been moved so far."""
    inside = os.open(name, _FOLDER, dir_fd=top)
    try:
        for each in os.listdir(inside):
            if _is_folder(each, inside):
                n_moved += 1
                os.rename(each, f"{prefix}{n_moved}", src_dir_fd=inside, dst_dir_fd=top)
            else:
                os.unlink(each, dir_fd=inside)
    finally:
        os.close(inside)
    os.rmdir(name, dir_fd=top)
    return n_moved


def _is_folder(name: str, inside: int) -> bool:
    """Whether a name is that of a folder; if so, it can be read and written from now on."""
    mode = os.stat(name, dir_fd=inside, follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
        os.chmod(name, stat.S_IRWXU, dir_fd=inside)
    return stat.S_ISDIR(mode)


def disk_bytes(folder: Path) -> int:
    """What the contents of a folder take on the disk."""
    total = 0
    folders = [os.fspath(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                total += entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return total
