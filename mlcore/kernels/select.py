"""Choosing the backend for a device, with a clear word when something is missing."""

import os
import re
from functools import lru_cache
from importlib.util import find_spec

from mlcore.kernels.backend import Backend
from mlcore.kernels.numpy_backend import NumpyBackend

SWITCH = "ROUNDHOUSE_KERNELS"  # `numpy` in this environment variable switches the compiled loops off
_DEVICE = re.compile(r"auto|cpu|cuda(?::([0-9]+))?")


def get_backend(device: str = "cpu") -> Backend:
    """Return the backend of a device.

    Args:
        device: `cpu`, `cuda`, `cuda:N`, or `auto`: the first GPU if CuPy finds one, else the CPU. On the CPU
            the compiled loops are used where numba is installed, unless ROUNDHOUSE_KERNELS is `numpy`.

    Raises:
        ValueError: unknown device, or what it needs is missing; says what.
    """
    match = _DEVICE.fullmatch(device)
    if not match:
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, not {device!r}")
    if device == "auto":
        return _cpu_backend() if _missing_for_cuda(0) else _cuda_backend(0)
    if device == "cpu":
        return _cpu_backend()
    number = int(match[1] or 0)
    if missing := _missing_for_cuda(number):
        raise ValueError(f"device {device}: {missing}")
    return _cuda_backend(number)


def _cpu_backend() -> Backend:
    switch = os.environ.get(SWITCH, "")
    if switch not in ("", "numba", "numpy"):
        raise ValueError(f"{SWITCH} must be numpy or numba, not {switch!r}")
    if switch == "numpy" or find_spec("numba") is None:
        return NumpyBackend()
    # Imported late: numba takes longer to import than everything else together.
    from mlcore.kernels.numba_backend import NumbaBackend

    return NumbaBackend()


@lru_cache
def _cuda_backend(number: int) -> Backend:
    from mlcore.kernels.cupy_backend import CupyBackend

    return CupyBackend(number)


def _missing_for_cuda(number: int) -> str | None:
    """Return what is missing to compute on GPU `number` and what to do about it, or None."""
    try:
        import cupy
    except ImportError:
        return "CuPy is not installed; run `pip install .[cuda]`, or use --device cpu"
    try:
        n_devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"CuPy finds no GPU ({error}); install the NVIDIA driver, or use --device cpu"
    if number >= n_devices:
        return f"this machine has {n_devices} GPU(s), numbered from 0; choose one of them or use --device cpu"
    return None
