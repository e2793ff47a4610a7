"""A job in a container of its own, by the API of a Docker engine (Podman's speaks the same)."""

from __future__ import annotations

import os
import signal
from contextlib import closing, suppress
from socket import SocketIO
from struct import Struct
from threading import Event, Thread
from time import monotonic
from typing import Any

from compute_node.scripts import container_init, descendants, engine, job_folder
from compute_node.scripts.box import LIMIT_NAMES, Box
from compute_node.scripts.cage import PIDS_REFUSED, Cage, NotStarted, Usage
from compute_node.scripts.cgroups import Group, group_of_process
from compute_node.scripts.engine import FAILURES, words
from compute_node.scripts.job_users import JobUser, take_user

_HEADER = Struct(">BxxxL")  # of a piece of output: stream (1 stdout, 2 stderr), length in bytes
_LOOK_S, _LOOK_SHARE = 0.25, 4.0  # between two looks at a disk; and so many times as long as a look takes
_ENGINE_FAILED = 125  # the status that `docker run` has for it


class ContainerCage(Cage):
    """One container, from its making to its removal."""

    def __init__(self, box: Box, url: str, node: str) -> None:
        self._box = box
        self._url = url
        self._node = node
        self._api = engine.connect(url)
        self._user: JobUser | None = take_user() if os.getuid() == 0 else None
        self._id = ""
        self._stream: Any = None
        self._output_ended = Event()
        self._group = Group({})
        self._status: int | None = None
        self._usage = Usage()
        self._written_bytes = 0
        self.memory_bytes = 0

    @property
    def user(self) -> int | None:
        """The job's own user, if it has one."""
        return self._user.uid if self._user else None

    @property
    def enforced(self) -> list[str]:
        """All: the engine keeps most, and files are looked at."""
        return sorted(LIMIT_NAMES)

    def start(self) -> None:
        """Make and start the container."""
        try:
            job_folder.lay_out(self._box, self.user, links=False)
            config = engine.configuration(self._api, self._box, user=self._uid_and_gid(), node=self._node)
            self._id = self._api.create_container_from_config(config, engine.container_of(self._box.name))["Id"]
            # Attached before it starts, so that no word is lost; and its first process ends when this stream does.
            asked = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            self._stream = self._api.attach_socket(self._id, params=asked)
            self._stream._sock.settimeout(None)
            Thread(target=self._copy_output, args=(self._stream,), daemon=True).start()
            self._api.start(self._id)
            if self._box.builds:
                Thread(target=self._watch_disk, daemon=True).start()
            with suppress(OSError):  # it may have ended already
                group = group_of_process(self._api.inspect_container(self._id)["State"]["Pid"])
                # One that is about to end is in the group of the whole machine already.
                self._group = Group({name: place for name, place in group.folders.items() if self._id in place[1]})
            self._stream._sock.sendall(container_init.GO)  # not before: a short program would be over by now
        except FAILURES as error:
            raise NotStarted(f"container of image {self._box.image!r}: {words(error)}") from error

    def has_ended(self) -> int | None:
        """The exit status of the program, once the container has ended."""
        if self._status is None and self._output_ended.is_set():
            try:
                self._status = int(self._api.wait(self._id)["StatusCode"])
            except FAILURES:
                self._status = _ENGINE_FAILED
        return self._status

    def failed_to_start(self) -> bool:
        """Never: the engine says so when it is asked to start a container."""
        return False

    def terminate(self) -> None:
        """Ask the program to end: the first process of the container passes the signal on."""
        with suppress(*FAILURES):
            self._api.kill(self._id, "SIGTERM")

    def end_all(self) -> bool:
        """Kill the container, and with its PID namespace all that is in it."""
        if not self._id or self._status is not None:
            return True
        self._measure()
        try:
            with suppress(engine.APIError):  # it is not running any more
                self._api.kill(self._id)
            self._status = int(self._api.wait(self._id)["StatusCode"])
        except FAILURES:
            return False
        return True

    def close(self) -> None:
        """Remove the container, once it is the image that it was to be, and give the job's user back."""
        if self._id and self._box.builds and self._status == 0:
            name, *said = self._box.builds
            with suppress(*FAILURES):  # the node sees that the image is not there
                engine.keep_as_image(self._api, self._id, name, said)
        if self._id:
            engine.remove(self._api, self._id)
        self._api.close()
        job_folder.take_back(self._box)
        if self._user is not None:
            self._user.release()

    def limit_hit(self) -> str | None:
        """The limit that the job is over, if it must end for that."""
        pids = self._measure()
        if self._group.memory_kills() or (self._status is not None and self._was_out_of_memory()):
            return "memory"
        if self._group.refused_pids() > PIDS_REFUSED:
            return "pids"
        disk_bytes, limit = self._measure_disk(pids)
        peak = max(self._usage.peak_disk_bytes, disk_bytes)
        self._usage = self._usage._replace(disk_bytes=disk_bytes, peak_disk_bytes=peak)
        return limit

    def usage(self) -> Usage:
        """What the job was last seen to have used; the engine forgets it with the last process."""
        return self._usage

    def _measure(self) -> list[int]:
        pids = self._group.members()
        facts = (descendants.stat_of(pid) for pid in pids)
        self.memory_bytes = sum(each.resident_bytes for each in facts if each is not None)
        self._usage = self._usage._replace(
            peak_memory_bytes=self._group.peak_memory_bytes() or self._usage.peak_memory_bytes,
            cpu_s=self._group.cpu_s() or self._usage.cpu_s,
            most_processes=max(self._usage.most_processes, len(pids) - 1),  # less the first of the container
        )
        return pids

    def _measure_disk(self, pids: list[int]) -> tuple[int, str | None]:
        disk_bytes, limit = job_folder.measure(self._box, pids)
        disk_bytes += self._written_bytes
        return disk_bytes, limit or ("disk" if disk_bytes > self._box.limits.disk_bytes else None)

    def _watch_disk(self) -> None:
        """In a thread of its own, since the engine may take long: see what a container writes that becomes an image."""
        pause_s = _LOOK_S
        with suppress(NotStarted, *FAILURES), closing(engine.connect(self._url)) as api:
            while not self._output_ended.wait(pause_s):
                began = monotonic()
                self._written_bytes = engine.written_bytes(api, self._id)
                pause_s = max(_LOOK_S, _LOOK_SHARE * (monotonic() - began))

    def _was_out_of_memory(self) -> bool:
        with suppress(*FAILURES):
            return bool(self._api.inspect_container(self._id)["State"].get("OOMKilled"))
        return False

    def _uid_and_gid(self) -> tuple[int, int]:
        if self._box.builds:
            return 0, 0
        return (os.getuid(), os.getgid()) if self._user is None else (self._user.uid, self._user.uid)

    def _copy_output(self, stream: SocketIO) -> None:
        """In a thread of its own: hand on what the job prints, as fast as the node takes it."""
        with suppress(OSError):
            while header := _read(stream, _HEADER.size):
                number, left = _HEADER.unpack(header)
                while left and (data := stream.read(min(left, 65536))):
                    left -= len(data)
                    _write(2 if number == 2 else 1, data)
        self._output_ended.set()
        os.kill(os.getpid(), signal.SIGCHLD)  # wakes the watchdog, as the end of a child would


def _read(stream: SocketIO, n_bytes: int) -> bytes:
    """So many bytes, or none at the end of the stream."""
    got = b""
    while len(got) < n_bytes:
        if not (more := stream.read(n_bytes - len(got))):
            return b""
        got += more
    return got


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
