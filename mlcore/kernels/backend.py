"""The seam between the training code and whatever computes: twelve operations on arrays of one device.

Activations are feature-major, shape (units, rows), so that a layer is one product of contiguous matrices and
the softmax reduces over axis 0. Every operation writes into arrays that the caller owns. Code above the seam
uses nothing of an array but its shape, slices, `.T` and in-place arithmetic with Python floats, which NumPy,
CuPy and every library of the array API standard share.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

# Device arrays are typed as NumPy's: the code above the seam uses only what they have in common.
FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
Array: TypeAlias = NDArray[Any]


class Batch(NamedTuple):
    """The rows of a step: inputs in both layouts, with a last column and row of ones, and the class of each row."""

    by_row: FloatArray  # (rows, inputs + 1)
    by_feature: FloatArray  # (inputs + 1, rows)
    classes: IntArray  # (rows,), int64


class Backend(Protocol):
    """Operations on arrays of one device; the same call on the same values gives the same bits."""

    @property
    def name(self) -> str:
        """What computes and where, for people: `numpy`, `numba`, `cuda:0`."""
        ...

    def empty(self, shape: Sequence[int], dtype: str) -> Array:
        """Return an uninitialised C-contiguous device array."""
        ...

    def from_host(self, array: Array) -> Array:
        """Return the values on the device; may share memory with `array`."""
        ...

    def to_host(self, array: Array) -> Array:
        """Return the values as a NumPy array; may share memory with `array`."""
        ...

    def hold(self, array: Array) -> Array:
        """The same for an array that many tasks read: a read-only one comes to the device once, as long as it lives."""
        ...

    def take_batch(self, x: FloatArray, y: IntArray, order: IntArray, batch: Batch) -> None:
        """Write the rows `order` of `x` (all rows, inputs) and `y` into `batch`, but for its ones."""
        ...

    def matmul(self, a: FloatArray, b: FloatArray, out: FloatArray, *, keep: float = 0.0) -> None:
        """Write `a @ b`, and `keep` times what was there, into `out`; with `keep` 0 even NaN there does not matter."""
        ...

    def activate(self, z: FloatArray, kind: str) -> None:
        """Apply the activation `kind`, `relu` or `tanh`, to `z` in place."""
        ...

    def activation_gradient(self, d: FloatArray, a: FloatArray, kind: str) -> None:
        """Multiply `d` in place by the derivative of `kind`, given the activations `a` it led to."""
        ...

    def softmax_cross_entropy(
        self, z: FloatArray, y: IntArray, loss: FloatArray, *, scale: float, smoothing: float
    ) -> None:
        """Replace logits by `scale` times the gradient of the summed loss, and add that loss to `loss`.

        Args:
            z: logits, shape (classes, rows).
            y: class of each row, shape (rows,).
            loss: float64, shape (1,); a device array, so that nothing waits for it once a batch.
            scale: factor on the gradient, not on the loss.
            smoothing: share of the target spread evenly over all classes (Szegedy et al. 2016, section 7).
        """
        ...

    def subtract(self, w: FloatArray, g: FloatArray) -> None:
        """`w -= g` over flat vectors."""
        ...

    def momentum_step(self, w: FloatArray, g: FloatArray, v: FloatArray, *, momentum: float) -> None:
        """`v = momentum * v + g; w -= v` over flat vectors (Sutskever et al. 2013, equations 1 and 2)."""
        ...

    def adam_step(self, w: FloatArray, g: FloatArray, m: FloatArray, v: FloatArray, *, eta: float, step: int) -> None:
        """One step of Adam over flat vectors (Kingma and Ba 2015, algorithm 1, its default constants).

        Args:
            g: the gradient; its contents are lost.
            m, v: the moments without their factors 1 - beta, zero before the first step.
            step: number of this step, from 1.
        """
        ...
