"""CUDA through CuPy: cuBLAS for the products, eight raw kernels for all that lies between them."""

from collections.abc import Sequence
from typing import Any

import cupy
import numpy as np

from mlcore.kernels.adam import BETA_1, BETA_2, folded_constants
from mlcore.kernels.backend import Array, Batch, FloatArray, IntArray
from mlcore.kernels.cuda_source import CUDA_SOURCE
from mlcore.kernels.residents import Residents

_THREADS_PER_BLOCK = 256
_C_TYPES = {np.dtype("float32"): "float", np.dtype("float64"): "double"}


class CupyBackend:
    """One GPU; every array a caller passes lies on it and is C-contiguous where a kernel writes to it."""

    def __init__(self, number: int) -> None:
        self.name = f"cuda:{number}"
        self._device = cupy.cuda.Device(number)
        with self._device:
            self._modules = {
                dtype: cupy.RawModule(code=CUDA_SOURCE, options=(f"-DREAL={c_type}",))
                for dtype, c_type in _C_TYPES.items()
            }
            memory = self._device.mem_info[1]
        self._residents = Residents(self.from_host, most_bytes=memory // 2)

    def empty(self, shape: Sequence[int], dtype: str) -> Array:
        with self._device:
            return cupy.empty(tuple(shape), dtype)  # type: ignore[no-any-return]

    def from_host(self, array: Array) -> Array:
        # The current device belongs to the thread, and every task begins by bringing its data here.
        self._device.use()
        return cupy.asarray(array)  # type: ignore[no-any-return]

    def to_host(self, array: Array) -> Array:
        return cupy.asnumpy(array)  # type: ignore[no-any-return]

    def hold(self, array: Array) -> Array:
        return self._residents.get(array)

    def take_batch(self, x: FloatArray, y: IntArray, order: IntArray, batch: Batch) -> None:
        n_rows, n_inputs = len(order), x.shape[1]
        self._launch("take_batch", n_rows * n_inputs, x, y, order, *batch, np.int64(n_rows), np.int64(n_inputs))

    def matmul(self, a: FloatArray, b: FloatArray, out: FloatArray, *, keep: float = 0.0) -> None:
        if keep:
            self._launch("keep_and_add", out.size, out, cupy.matmul(a, b), keep)
        else:
            cupy.matmul(a, b, out=out)

    def activate(self, z: FloatArray, kind: str) -> None:
        if kind == "relu":
            self._launch("relu", z.size, z)
        else:
            cupy.tanh(z, out=z)

    def activation_gradient(self, d: FloatArray, a: FloatArray, kind: str) -> None:
        self._launch(f"{kind}_gradient", d.size, d, a)

    def softmax_cross_entropy(
        self, z: FloatArray, y: IntArray, loss: FloatArray, *, scale: float, smoothing: float
    ) -> None:
        n_classes, n_rows = z.shape
        row_losses = cupy.empty(n_rows, "float64")
        self._launch("softmax", n_rows, z, y, row_losses, np.int64(n_classes), scale, smoothing)
        loss += row_losses.sum()

    def subtract(self, w: FloatArray, g: FloatArray) -> None:
        w -= g

    def momentum_step(self, w: FloatArray, g: FloatArray, v: FloatArray, *, momentum: float) -> None:
        self._launch("momentum_step", w.size, w, g, v, momentum)

    def adam_step(self, w: FloatArray, g: FloatArray, m: FloatArray, v: FloatArray, *, eta: float, step: int) -> None:
        rate, epsilon = folded_constants(eta, step)
        self._launch("adam_step", w.size, w, g, m, v, BETA_1, BETA_2, rate, epsilon)

    def _launch(self, kernel: str, n_threads: int, *arguments: Any) -> None:
        """Run a kernel on `n_threads` threads, which it gets last; floats become the first array's dtype."""
        dtype = arguments[0].dtype
        typed = [dtype.type(value) if isinstance(value, float) else value for value in arguments]
        n_blocks = -(-n_threads // _THREADS_PER_BLOCK)
        function = self._modules[dtype].get_function(kernel)
        function((n_blocks,), (_THREADS_PER_BLOCK,), (*typed, np.int64(n_threads)))
