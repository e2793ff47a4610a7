"""A node's end of the programs that its watchdogs are forked from; see `forking`."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from threading import Lock

_ROOT = str(Path(__file__).parents[2])
_BOOT = """\
import sys
sys.path.insert(0, sys.argv[1])
from compute_node.scripts.forking import main
main(int(sys.argv[2]), with_engine=sys.argv[3] == "engine")
"""
_ANSWER_S = 30.0  # for a fork, on a machine that has much to do


class Nursery:
    """Forks watchdogs; any thread may ask. Its program is started when it is first needed, and ends with this one."""

    def __init__(self, *, with_engine: bool) -> None:
        """Start nothing yet; `with_engine` is for watchdogs of containers."""
        self._with_engine = with_engine
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def fork(self, *, orders: int, stdout: int, stderr: int, news: int) -> tuple[int, int]:
        """Start a watchdog with these files, of which the caller closes its own; its number, and a file of the process.

        Raises:
            OSError: no process or pipe is to be had.
        """
        with self._lock:
            try:
                return self._ask([orders, stdout, stderr, news])
            except OSError:
                self._end()
                raise

    def close(self) -> None:
        """End the program; what it has forked lives on."""
        with self._lock:
            self._end()

    def _ask(self, files: list[int]) -> tuple[int, int]:
        asked = self._open()
        path = os.environ.get("PATH", os.defpath)
        socket.send_fds(asked, [b"PATH=" + os.fsencode(path)], files)
        number, processes, _, _ = socket.recv_fds(asked, 32, 1, socket.MSG_CMSG_CLOEXEC)
        if not number:
            raise OSError(errno.ECHILD, "no watchdog can be started")
        return int(number), processes[0]

    def _open(self) -> socket.socket:
        """The program's socket; the program is started anew if it has ended."""
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._socket is None:
            ours, theirs = socket.socketpair()
            ours.settimeout(_ANSWER_S)
            with theirs:
                self._process = self._start(theirs.fileno())
            self._socket = ours
        return self._socket

    def _start(self, fd: int) -> subprocess.Popen[bytes]:
        # -I -S: nothing but what is named here is imported, whatever lies about and whatever is installed.
        # Only containers need installed packages.
        flags = ["-I"] if self._with_engine else ["-I", "-S"]
        kind = "engine" if self._with_engine else "local"
        return subprocess.Popen(
            [sys.executable, *flags, "-c", _BOOT, _ROOT, str(fd), kind],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[fd],
            env={},  # nothing of the node's: it may hold secrets
            cwd="/",
            start_new_session=True,
        )

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._socket = self._process = None
