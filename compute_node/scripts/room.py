"""What script jobs may have of a node together: their number, memory, cores and GPUs."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from compute_node.scripts.box import Limits
from compute_node.scripts.settings import ScriptSettings
from rpc.errors import RejectReason, TaskRejected
from rpc.messages import JOB_CPUS, JOB_MEMORY, JOB_NETWORK, ScriptSpec


class Share(NamedTuple):
    """What one job may have; `gpus` are the numbers of those that no other job has meanwhile."""

    limits: Limits
    gpus: tuple[int, ...] = ()


class Room:
    """Counts what the jobs that run here may have, which is more than they use.

    Attributes:
        gpus: the numbers of the GPUs that there are for jobs, once they are known.
    """

    def __init__(self, settings: ScriptSettings) -> None:
        self.gpus: tuple[int, ...] = ()
        self._settings = settings
        self._jobs: list[Share] = []

    @property
    def labels(self) -> dict[str, str]:
        """What the coordinator must know, so as not to offer what can never be."""
        labels = {JOB_NETWORK: "full" if self._settings.allow_network else "none"}
        if self._settings.max_memory_bytes:
            labels[JOB_MEMORY] = str(self._settings.max_memory_bytes)
        if self._settings.cpus:
            labels[JOB_CPUS] = f"{self._settings.cpus:g}"
        return labels

    def check(self, spec: ScriptSpec) -> None:
        """Return if a job fits beside those that run.

        Raises:
            TaskRejected: it does not, or not now.
        """
        settings = self._settings
        limits = limits_of(spec, settings)
        if settings.max_jobs and len(self._jobs) >= settings.max_jobs:
            raise TaskRejected(RejectReason.NO_SLOT, f"{len(self._jobs)} script jobs run here, as many as may")
        memory_bytes = sum(job.limits.memory_bytes for job in self._jobs)
        if memory_bytes + limits.memory_bytes > settings.memory_bytes:
            left = max(0, settings.memory_bytes - memory_bytes)
            text = f"needs {limits.memory_bytes / 1e9:.3g} GB of memory; {left / 1e9:.3g} GB are left for script jobs"
            raise TaskRejected(RejectReason.MEMORY, text)
        cpus = sum(job.limits.cpus for job in self._jobs)
        if settings.cpus and cpus + limits.cpus > settings.cpus * (1 + 1e-9):
            left_cpus = max(0.0, settings.cpus - cpus)
            text = f"needs {limits.cpus:g} cores; {left_cpus:.3g} are left for script jobs"
            raise TaskRejected(RejectReason.BUSY, text)
        free = self._free_gpus()
        if spec.gpus > len(free):
            text = f"needs {spec.gpus} GPUs; {len(free)} are free for script jobs"
            raise TaskRejected(RejectReason.BUSY, text)

    def enter(self, spec: ScriptSpec) -> Share:
        """Take what a job may have, to be given back by `leave`; raises as `check`."""
        self.check(spec)
        self._jobs.append(Share(limits_of(spec, self._settings), self._free_gpus()[: spec.gpus]))
        return self._jobs[-1]

    def leave(self, share: Share) -> None:
        """The job is over."""
        self._jobs.remove(share)

    def _free_gpus(self) -> tuple[int, ...]:
        taken = {number for job in self._jobs for number in job.gpus}
        return tuple(number for number in self.gpus if number not in taken)


def limits_of(spec: ScriptSpec, settings: ScriptSettings) -> Limits:
    """The node's limits where the job names none."""
    named = {name: getattr(spec, name) for name in ("memory_bytes", "cpus", "pids", "disk_bytes")}
    chosen = replace(settings.usual_limits, **{name: value for name, value in named.items() if value})
    return replace(chosen, time_s=spec.timeout_s or None)
