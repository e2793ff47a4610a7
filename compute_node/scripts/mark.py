"""The mark that every process of a job has from its start: the job's name among its variables."""

from __future__ import annotations


def carries(pid: int, job: str) -> bool:
    """Whether a process still has the job's name in its variables; it may have hidden it."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"JOB_NAME={job}".encode() in file.read().split(b"\0")
    except OSError:
        return False
