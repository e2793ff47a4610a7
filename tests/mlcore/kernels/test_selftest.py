"""The numeric class: stable, quick, and different where bits may differ."""

import os
import platform
import re
import subprocess
import sys
from time import process_time

import numpy as np
import pytest

from mlcore.kernels import Backend, blas, get_backend, numeric_class
from mlcore.kernels.numpy_backend import NumpyBackend

PRINT_CLASS = (
    "from mlcore.kernels import get_backend, numeric_class;"
    "print(numeric_class(get_backend(), dtype='float32', threads=1))"
)

PRINT_WHETHER_SHARED = (
    "import threading;"
    "from mlcore.kernels import get_backend, numeric_class;"
    "numeric_class(get_backend(), dtype='float32', threads={threads});"
    "print(any(thread.name.startswith('share') for thread in threading.enumerate()))"
)


def test_the_class_is_short_hex_and_always_the_same(backend: Backend) -> None:
    first = numeric_class(backend, dtype="float32", threads=1)
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert numeric_class(backend, dtype="float32", threads=1) == first


def test_dtype_and_threads_are_classes_of_their_own() -> None:
    classes = {
        numeric_class(NumpyBackend(), dtype=dtype, threads=threads)
        for dtype in ("float32", "float64")
        for threads in (1, 2)
    }
    assert len(classes) == 4


def printed(script: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def class_in_a_new_process(**environment: str) -> str:
    return printed(PRINT_CLASS, **environment)


@pytest.mark.parametrize("kernels", ["", "numpy"])
def test_the_self_test_of_two_threads_shares_its_work(kernels: str) -> None:
    shared = [printed(PRINT_WHETHER_SHARED.format(threads=n), ROUNDHOUSE_KERNELS=kernels) for n in (1, 2)]
    assert shared == ["False", "True"]


def test_another_process_has_the_same_class() -> None:
    assert class_in_a_new_process() == numeric_class(get_backend(), dtype="float32", threads=1)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names cores of x86-64")
def test_other_blas_kernels_are_another_class() -> None:
    classes = {class_in_a_new_process(OPENBLAS_CORETYPE=core) for core in ("Nehalem", "Haswell")}
    assert len(classes) == 2


@pytest.mark.skipif(not blas.can_add(np.dtype("float32")), reason="this NumPy shows no CBLAS of OpenBLAS")
def test_blas_that_cannot_add_products_is_another_class(monkeypatch: pytest.MonkeyPatch) -> None:
    classes = {numeric_class(NumpyBackend(), dtype="float32", threads=1)}
    monkeypatch.setattr(blas, "can_add", lambda dtype: False)
    classes.add(numeric_class(NumpyBackend(), dtype="float32", threads=1))
    assert len(classes) == 2


def test_a_self_test_takes_less_than_50_ms(cpu_backend: Backend) -> None:
    def seconds() -> float:
        start = process_time()  # not of what else the machine does
        numeric_class(cpu_backend, dtype="float32", threads=1)
        return process_time() - start

    assert min(seconds() for _ in range(5)) < 0.05
