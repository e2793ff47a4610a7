"""The CUDA kernels: their source runs on the CPU against its NumPy twin, and NVRTC compiles it.

No GPU is needed: compiled as C++, with the few names CUDA adds defined in front, each kernel is a function of
one thread, which is called for every thread of a grid.
"""

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcore.kernels.adam import BETA_1, BETA_2, folded_constants
from mlcore.kernels.backend import Batch
from mlcore.kernels.cuda_source import CUDA_SOURCE
from mlcore.kernels.numpy_backend import NumpyBackend

COMPILER = shutil.which("g++") or shutil.which("c++")
ON_THE_CPU = """
#include <cmath>
using std::exp; using std::log; using std::sqrt;
#define __global__
#define __device__ static
static struct { long long x; } blockIdx, threadIdx, blockDim = {1};
extern "C" void choose_thread(long long i) { blockIdx.x = i; }
"""
C_TYPES = {"float32": ("float", ctypes.c_float), "float64": ("double", ctypes.c_double)}
REACH = {"float32": 2e-6, "float64": 1e-14}
Launch = Callable[..., None]


@pytest.fixture(params=["float32", "float64"], scope="module")
def dtype(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def launch(dtype: str, tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """Return a function that runs a kernel for `n_threads` threads, and for three that have no work."""
    if COMPILER is None:
        pytest.skip("no C++ compiler")
    folder = tmp_path_factory.mktemp(f"kernels_{dtype}")
    (folder / "kernels.cpp").write_text(ON_THE_CPU + CUDA_SOURCE)
    c_name, c_type = C_TYPES[dtype]
    command = [COMPILER, "-shared", "-fPIC", "-O1", "-ffp-contract=off", f"-DREAL={c_name}"]
    subprocess.run([*command, "-o", "kernels.so", "kernels.cpp"], cwd=folder, check=True, timeout=60)
    library = ctypes.CDLL(str(folder / "kernels.so"))

    def call(kernel: str, n_threads: int, *arguments: Any) -> None:
        typed = [_to_c(argument, c_type) for argument in (*arguments, n_threads)]
        for thread in range(n_threads + 3):
            library.choose_thread(ctypes.c_longlong(thread))
            library[kernel](*typed)

    return call


def _to_c(argument: Any, c_type: Callable[[float], Any]) -> Any:
    if isinstance(argument, np.ndarray):
        return ctypes.c_void_p(argument.ctypes.data)
    return c_type(argument) if isinstance(argument, float) else ctypes.c_longlong(argument)


def draw(seed: int, *shape: int, dtype: str) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def same(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=REACH[ours.dtype.name], atol=REACH[ours.dtype.name])


def test_take_batch_matches_numpy(launch: Launch, dtype: str) -> None:
    x, y = draw(1, 50, 16, dtype=dtype), np.arange(50)
    order = np.random.default_rng(2).permutation(50)[:20]
    ours, theirs = (Batch(np.ones((20, 17), dtype), np.ones((17, 20), dtype), np.empty(20, np.int64)) for _ in range(2))
    launch("take_batch", 20 * 16, x, y, order, *ours, 20, 16)
    NumpyBackend().take_batch(x, y, order, theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_relu_and_both_gradients_match_numpy(launch: Launch, dtype: str) -> None:
    z, d = draw(1, 7, 11, dtype=dtype), draw(2, 7, 11, dtype=dtype)
    z[3, 3] = np.nan
    ours, theirs = z.copy(), z.copy()
    launch("relu", z.size, ours)
    NumpyBackend().activate(theirs, "relu")
    same(ours, theirs)
    for kind in ("relu", "tanh"):
        a = np.abs(np.nan_to_num(theirs)) if kind == "relu" else np.tanh(d)
        our_d, their_d = d.copy(), d.copy()
        launch(f"{kind}_gradient", d.size, our_d, a)
        NumpyBackend().activation_gradient(their_d, a, kind)
        same(our_d, their_d)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("spread", [1.0, 300.0])
def test_softmax_matches_numpy(launch: Launch, dtype: str, smoothing: float, spread: float) -> None:
    z = draw(3, 26, 40, dtype=dtype) * z_type(dtype)(spread)
    y = np.random.default_rng(4).integers(26, size=40)
    ours, theirs, row_losses, loss = z.copy(), z.copy(), np.zeros(40), np.zeros(1)
    launch("softmax", 40, ours, y, row_losses, 26, 0.5, smoothing)
    NumpyBackend().softmax_cross_entropy(theirs, y, loss, scale=0.5, smoothing=smoothing)
    same(ours, theirs)
    assert row_losses.sum() == pytest.approx(loss[0], rel=1e-5)


def z_type(dtype: str) -> type[np.floating[Any]]:
    return np.dtype(dtype).type


def test_a_sum_keeps_its_share(launch: Launch, dtype: str) -> None:
    total, product = draw(5, 30, 10, dtype=dtype), draw(6, 30, 10, dtype=dtype)
    expected = z_type(dtype)(0.9) * total + product
    launch("keep_and_add", total.size, total, product, 0.9)
    same(total, expected)


def test_optimizer_steps_match_numpy(launch: Launch, dtype: str) -> None:
    w, g, m = (draw(seed, 300, dtype=dtype) for seed in (5, 6, 7))
    v = np.abs(m)
    ours, theirs = [[a.copy() for a in (w, g, m, v)] for _ in range(2)]
    launch("momentum_step", 300, ours[0], ours[1], ours[2], 0.9)
    NumpyBackend().momentum_step(theirs[0], theirs[1], theirs[2], momentum=0.9)
    for our, their in zip(ours, theirs, strict=True):
        same(our, their)
    launch("adam_step", 300, *ours, BETA_1, BETA_2, *folded_constants(0.01, 3))
    NumpyBackend().adam_step(*theirs, eta=0.01, step=3)
    for index in (0, 2, 3):  # NumPy's uses up the gradient
        same(ours[index], theirs[index])


def nvrtc_library() -> ctypes.CDLL | None:
    """Return NVIDIA's run-time compiler as its wheel ships it, or None."""
    spec = find_spec("nvidia")
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = sorted(path for folder in folders for path in Path(folder).glob("*/lib/libnvrtc.so.*"))
    return ctypes.CDLL(str(found[0])) if found else None


@pytest.mark.parametrize("c_type", ["float", "double"])
def test_nvrtc_compiles_the_kernels(c_type: str) -> None:
    nvrtc = nvrtc_library()
    if nvrtc is None:
        pytest.skip("NVRTC is not installed; `make nvrtc` installs it and runs this")
    program = ctypes.c_void_p()
    created = nvrtc.nvrtcCreateProgram(ctypes.byref(program), CUDA_SOURCE.encode(), b"kernels.cu", 0, None, None)
    assert created == 0
    options = [f"-DREAL={c_type}".encode(), b"--gpu-architecture=compute_70"]
    failed = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    assert not failed, log.value.decode()
