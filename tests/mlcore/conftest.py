"""The backends that every numerical test runs on."""

import pytest

from mlcore.kernels import Backend, set_threads
from mlcore.kernels.numpy_backend import NumpyBackend
from tests.mlcore.strict_backend import StrictBackend


def _numba() -> Backend:
    pytest.importorskip("numba")
    from mlcore.kernels.numba_backend import NumbaBackend

    return NumbaBackend()


@pytest.fixture(params=["numpy", "numba", "strict"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Every backend in turn: NumPy, numba and the strict one on its fake device."""
    makers = {"numpy": NumpyBackend, "numba": _numba, "strict": StrictBackend}
    made: Backend = makers[request.param]()
    return made


@pytest.fixture(params=["numpy", "numba"])
def cpu_backend(request: pytest.FixtureRequest) -> Backend:
    """The two backends of the CPU, for tests with more than a little arithmetic."""
    return NumpyBackend() if request.param == "numpy" else _numba()


@pytest.fixture(autouse=True)
def one_blas_thread() -> None:
    """Compute as a task does unless it says otherwise."""
    set_threads(1)
