"""What the GPUs of the machine do, as NVIDIA's own library tells; a machine without GPUs or library tells nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from threading import Event, Thread
from types import MappingProxyType
from typing import Any, NamedTuple

from compute_node.scripts.mark import carries
from rpc.messages import GpuUse

logger = logging.getLogger(__name__)

_EVERY_S = 1.0


class Look(NamedTuple):
    """What was seen at one time; `by_process` has bytes of GPU memory by the number of the process."""

    gpus: tuple[GpuUse, ...] = ()
    by_process: Mapping[int, int] = MappingProxyType({})


class GpuWatch:
    """Looks each second, on a thread of its own: a driver may take its time, and a heartbeat may not.

    Attributes:
        latest: what was seen last.
    """

    def __init__(self) -> None:
        self.latest = Look()
        self._is_over = Event()

    def start(self) -> None:
        """Look from now on, if there is something to look at."""
        Thread(target=self._watch, name="gpus", daemon=True).start()

    def close(self) -> None:
        self._is_over.set()

    def memory_of(self, job: str) -> int:
        """Bytes of GPU memory that a job's processes were last seen to have; `job` is its JOB_NAME.

        A job can give its processes another name: then the figure is wrong, and nothing else.
        """
        return sum(size for pid, size in self.latest.by_process.items() if carries(pid, job))

    def _watch(self) -> None:
        library = nvidia_library()
        while library is not None and not self._is_over.is_set():
            try:
                self.latest = look(library)
            except library.NVMLError as error:  # one has fallen off its bus, or its driver is replaced just now
                logger.debug("the GPUs cannot be asked: %s", error)
                self.latest = Look()
            self._is_over.wait(_EVERY_S)


def look(library: Any) -> Look:
    """Ask for all GPUs once; raises the library's NVMLError."""
    gpus, by_process = [], dict[int, int]()
    for number in range(library.nvmlDeviceGetCount()):
        gpu = library.nvmlDeviceGetHandleByIndex(number)
        memory = library.nvmlDeviceGetMemoryInfo(gpu)
        rates = _if_told(library, library.nvmlDeviceGetUtilizationRates, gpu)  # not of one that is divided
        busy = rates.gpu / 100.0 if rates else 0.0
        gpus.append(GpuUse(library.nvmlDeviceGetName(gpu), busy, memory.used, memory.total))
        for process in _if_told(library, library.nvmlDeviceGetComputeRunningProcesses, gpu) or ():
            by_process[process.pid] = by_process.get(process.pid, 0) + (process.usedGpuMemory or 0)
    return Look(tuple(gpus), by_process)


def nvidia_library() -> Any:
    """NVIDIA's library, ready to be asked; None without a GPU, a driver or the package `nvidia-ml-py`."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        logger.debug("no GPUs are watched: %s", error)
        return None
    return pynvml


def _if_told(library: Any, ask: Callable[[Any], Any], gpu: Any) -> Any:
    try:
        return ask(gpu)
    except library.NVMLError_NotSupported:
        return None
