"""A backend of nothing but the array API standard, on a fake device that host arrays cannot be mixed with."""

from collections.abc import Sequence
from typing import Any

import array_api_strict as xp
import numpy as np

from mlcore.kernels.adam import BETA_1, BETA_2, folded_constants
from mlcore.kernels.backend import Batch
from mlcore.kernels.residents import Residents


class StrictBackend:
    """Runs the code above the seam as a GPU would: an ndarray among its arrays is an error."""

    name = "strict"

    def __init__(self) -> None:
        self._device = xp.Device("device1")
        self.brought: list[tuple[int, ...]] = []  # the shape of each array that came to the device
        self._residents = Residents(self.from_host, most_bytes=2**20)

    def empty(self, shape: Sequence[int], dtype: str) -> Any:
        return xp.empty(tuple(shape), dtype=getattr(xp, dtype), device=self._device)

    def from_host(self, array: Any) -> Any:
        self.brought.append(array.shape)
        return xp.asarray(array, device=self._device, copy=True)

    def to_host(self, array: Any) -> Any:
        return np.array(array.to_device(xp.Device("CPU_DEVICE")))

    def hold(self, array: Any) -> Any:
        return self._residents.get(array)

    def take_batch(self, x: Any, y: Any, order: Any, batch: Batch) -> None:
        rows = xp.take(x, order, axis=0)
        batch.by_row[:, :-1] = rows
        batch.by_feature[:-1, :] = rows.T
        batch.classes[...] = xp.take(y, order, axis=0)

    def matmul(self, a: Any, b: Any, out: Any, *, keep: float = 0.0) -> None:
        out[...] = keep * out + a @ b if keep else a @ b

    def activate(self, z: Any, kind: str) -> None:
        z[...] = xp.maximum(z, xp.zeros_like(z)) if kind == "relu" else xp.tanh(z)

    def activation_gradient(self, d: Any, a: Any, kind: str) -> None:
        d *= xp.astype(a > 0, d.dtype) if kind == "relu" else 1.0 - a * a

    def softmax_cross_entropy(self, z: Any, y: Any, loss: Any, *, scale: float, smoothing: float) -> None:
        n_classes = z.shape[0]
        classes = xp.arange(n_classes, device=self._device)
        own = xp.astype(xp.expand_dims(classes, axis=1) == xp.expand_dims(y, axis=0), z.dtype)
        target = own * (1.0 - smoothing) + smoothing / n_classes
        z -= xp.max(z, axis=0, keepdims=True)
        total = xp.sum(xp.exp(z), axis=0, keepdims=True)
        log_softmax = z - xp.log(total)
        loss -= xp.sum(xp.astype(target * log_softmax, xp.float64))
        z[...] = scale * (xp.exp(log_softmax) - target)

    def subtract(self, w: Any, g: Any) -> None:
        w -= g

    def momentum_step(self, w: Any, g: Any, v: Any, *, momentum: float) -> None:
        v[...] = momentum * v + g
        w -= v

    def adam_step(self, w: Any, g: Any, m: Any, v: Any, *, eta: float, step: int) -> None:
        rate, epsilon = folded_constants(eta, step)
        m[...] = BETA_1 * m + g
        v[...] = BETA_2 * v + g * g
        w -= rate * m / (xp.sqrt(v) + epsilon)
