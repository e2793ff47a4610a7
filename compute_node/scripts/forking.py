"""The program that the watchdogs of a node are forked from: what they need is loaded once, not for each job.

It knows of no job: each watchdog gets its own pipes, and hears of its job by them alone.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from compute_node.scripts import kernel, local_cage, watchdog  # noqa: F401  # loaded here for all that are forked

_N_FILES = 4  # orders, stdout, stderr, news
_MORE = 65536


def main(fd: int, *, with_engine: bool) -> None:
    """Fork a watchdog for each request that comes by the socket `fd`, until the node has closed its end of it."""
    kernel.forbid_tracing()
    if with_engine:
        from compute_node.scripts import container  # noqa: F401  # its libraries take a third of a second to load
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for watchdogs: the node looks at them itself
    gc.freeze()  # what is here is never looked through again, nor copied for that
    with socket.socket(fileno=fd) as node, suppress(ConnectionError):  # which is the end of the node, too
        while True:
            request, files, _, _ = socket.recv_fds(node, _MORE, _N_FILES, socket.MSG_CMSG_CLOEXEC)
            if not files:
                return
            pid = os.fork()
            if pid == 0:
                node.close()
                _become_watchdog(request, files)
            # It waits for its orders, which the node sends once it has this: the number is still that of the child.
            process = os.pidfd_open(pid)
            socket.send_fds(node, [b"%d" % pid], [process])
            for each in (*files, process):
                os.close(each)


def _become_watchdog(request: bytes, files: Sequence[int]) -> NoReturn:
    name, _, value = request.partition(b"=")
    orders, stdout, stderr, news = files
    try:
        os.setsid()
        os.environb[name] = value
        for number, file in enumerate((orders, stdout, stderr)):
            os.dup2(file, number)
            os.close(file)
        watchdog.main(news)
        os._exit(0)
    except BaseException:
        traceback.print_exc()  # a bug must stay loud: in the job's log
    finally:
        os._exit(1)
