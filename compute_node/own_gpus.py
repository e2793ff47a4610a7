"""Which of the machine's GPUs are a node's own: those that CUDA_VISIBLE_DEVICES leaves to it."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

logger = logging.getLogger(__name__)

_TOOL_S = 10.0  # that nvidia-smi may take
_ASKED = "--query-gpu=uuid,memory.total,name"
_MOST = 1024  # GPUs of a machine that nobody can be asked about


class OwnGpus(NamedTuple):
    """The GPUs of a node.

    Attributes:
        numbers: as nvidia-smi counts them, in the order in which CUDA gives them to the node.
        labels: model and memory of the first, and how many there are; empty without any.
    """

    numbers: tuple[int, ...] = ()
    labels: Mapping[str, str] = MappingProxyType({})

    def for_jobs(self, told: str) -> tuple[int, ...]:
        """The numbers of those that script jobs may have: as many as the operator's label `gpus` says, if there is one.

        Where nvidia-smi is not there that label says what there is.
        """
        if not told.isdecimal():
            return self.numbers
        return (self.numbers or _visible([""] * _MOST))[: int(told)]


class _Gpu(NamedTuple):
    uuid: str
    memory_bytes: int
    model: str


def own_gpus() -> OwnGpus:
    """Ask nvidia-smi, if it is there; takes a while where there are GPUs."""
    found = _of_the_machine()
    numbers = _visible([gpu.uuid for gpu in found])
    if not numbers:
        return OwnGpus()
    first = found[numbers[0]]
    memory = f"{first.memory_bytes / (1 << 30):.1f} GiB"
    return OwnGpus(numbers, {"gpu": first.model, "gpu-memory": memory, "gpus": str(len(numbers))})


def _of_the_machine() -> list[_Gpu]:
    """All GPUs, in nvidia-smi's order, which is that of the PCI bus."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    asked = [tool, _ASKED, "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=_TOOL_S, check=True).stdout
        rows = [line.split(",", 2) for line in answer.splitlines() if line.strip()]
        return [_Gpu(uuid.strip(), int(size) << 20, model.strip()) for uuid, size, model in rows]
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        logger.debug("nvidia-smi told nothing of use: %s", error)
        return []


def _visible(uuids: Sequence[str]) -> tuple[int, ...]:
    """The numbers of those of the machine's GPUs that CUDA would show; as there, a word that names none ends the list.

    A part of a GPU (`MIG-...`) is no GPU here: no job could be given it alone.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return tuple(range(len(uuids)))
    numbers: list[int] = []
    for word in named.split(","):
        number = _number(word.strip(), uuids)
        if number is None or number in numbers:
            break
        numbers.append(number)
    return tuple(numbers)


def _number(word: str, uuids: Sequence[str]) -> int | None:
    """The GPU of a number, or of a UUID or the beginning of one; None if that is no GPU, or several."""
    if word.isdecimal():
        return int(word) if int(word) < len(uuids) else None
    matching = [number for number, uuid in enumerate(uuids) if word.startswith("GPU-") and uuid.startswith(word)]
    return matching[0] if len(matching) == 1 else None
