"""What a watchdog needs of a level: a running job that it can ask, stop and end."""

from __future__ import annotations

from typing import NamedTuple, Protocol

PIDS_REFUSED = 1000  # more than any library that starts a thread per core is refused before it makes do with less


class NotStarted(Exception):
    """The program could not be started; the message says why, in one line."""


class Usage(NamedTuple):
    """What a job has used, its children included; its files when `limit_hit` was last asked."""

    peak_memory_bytes: int = 0
    cpu_s: float = 0.0
    most_processes: int = 0
    disk_bytes: int = 0
    peak_disk_bytes: int = 0


class Cage(Protocol):
    """One job at one level.

    Attributes:
        memory_bytes: what its processes held when `limit_hit` was last asked.
    """

    memory_bytes: int

    @property
    def enforced(self) -> list[str]:
        """Names of the limits that hold (fields of `Limits`)."""

    @property
    def user(self) -> int | None:
        """The number of the job's own user, if it has one."""

    def start(self) -> None:
        """Start the program; raises NotStarted."""

    def has_ended(self) -> int | None:
        """The exit status of the program once it has ended, 128 + N if signal N ended it."""

    def failed_to_start(self) -> bool:
        """Whether the end was the sandbox's, which never came to run the program."""

    def terminate(self) -> None:
        """Ask the program to end (SIGTERM)."""

    def end_all(self) -> bool:
        """Kill everything that the job has started; False if something is left."""

    def close(self) -> None:
        """Give back what the job had."""

    def limit_hit(self) -> str | None:
        """The limit that the job is over, if any, by what is measured now."""

    def usage(self) -> Usage:
        """What the job has used so far."""
