"""Choosing a backend, and what is said when there is none."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from mlcore.kernels import get_backend

HAS_CUPY = find_spec("cupy") is not None


@pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")
def test_numba_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROUNDHOUSE_KERNELS", raising=False)
    assert get_backend().name == "numba"


def test_numpy_is_used_when_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDHOUSE_KERNELS", "numpy")
    assert get_backend("cpu").name == "numpy"


def test_a_switch_that_means_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDHOUSE_KERNELS", "fortran")
    with pytest.raises(ValueError, match="ROUNDHOUSE_KERNELS must be numpy or numba, not 'fortran'"):
        get_backend("cpu")


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:x", "cuda:-1", "", "CPU"])
def test_an_unknown_device_is_named(device: str) -> None:
    with pytest.raises(ValueError, match=f"device must be auto, cpu, cuda or cuda:N, not '{device}'"):
        get_backend(device)


@pytest.mark.skipif(HAS_CUPY, reason="CuPy is installed")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_cuda_without_cupy_says_in_one_line_what_to_install(device: str) -> None:
    with pytest.raises(ValueError, match=rf"^device {device}: CuPy is not installed; .*\.\[cuda\].*$"):
        get_backend(device)


@pytest.mark.skipif(HAS_CUPY, reason="CuPy is installed")
def test_auto_without_a_gpu_is_the_cpu() -> None:
    assert get_backend("auto").name == get_backend("cpu").name


def test_nothing_imports_cupy_or_numba_before_it_is_asked_to() -> None:
    code = "import sys, mlcore.training, mlcore.kernels; assert not {'cupy', 'numba'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
