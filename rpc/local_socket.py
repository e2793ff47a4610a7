"""The Unix socket beside a server's port: how it is made, and when a caller on the same host may use it."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from rpc.sockets import BACKLOG

HAS_UNIX_SOCKETS = hasattr(socket, "AF_UNIX")  # Python on Windows has none


def listen_beside(port: int, folder: Path) -> socket.socket | None:
    """A non-blocking listening socket in `folder`, or None where the platform or the path allows none.

    `folder` must be one that only this user may enter. The file is named after the port that it stands beside,
    so that a caller who came through a proxy or a tunnel, and knows another port, goes on through that.
    """
    if not HAS_UNIX_SOCKETS:
        return None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(folder / _name(port)))
        sock.listen(BACKLOG)
    except OSError:  # a path of more than 107 bytes, or a file system without sockets
        sock.close()
        return None
    sock.setblocking(False)
    return sock


def may_use(path: str, port: int) -> bool:
    """Whether `path` is the socket of a server of this user at `port`, in a folder that nobody else may enter."""
    if not HAS_UNIX_SOCKETS or os.path.basename(path) != _name(port) or not os.path.isabs(path):
        return False
    if path != os.path.normpath(path):  # `link/.` is a folder where `link` is none
        return False
    try:
        socket_file, folder = os.lstat(path), os.lstat(os.path.dirname(path))
    except (OSError, ValueError):
        return False
    ours = socket_file.st_uid == folder.st_uid == os.getuid()
    return ours and stat.S_ISSOCK(socket_file.st_mode) and folder.st_mode & 0o077 == 0


def _name(port: int) -> str:
    return f"{port}.socket"
