"""The model: a multilayer perceptron whose weights live in one flat vector."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod, sqrt

import numpy as np

from mlcore.kernels.backend import FloatArray

INITS = ("uniform", "he", "xavier", "zeros")
_UNIFORM_REACH = 0.01


def layer_shapes(layers: Sequence[int]) -> list[tuple[int, int]]:
    """Return (out, in + 1) for each layer of weights; the last column is the bias."""
    return [(above, below + 1) for below, above in pairwise(layers)]


def n_weights(layers: Sequence[int]) -> int:
    """Return the length of the flat vector of a model with these units per layer."""
    return sum(prod(shape) for shape in layer_shapes(layers))


def layer_views(flat: FloatArray, layers: Sequence[int]) -> list[FloatArray]:
    """Return one view (out, in + 1) into `flat` per layer, the first layer first.

    Works on arrays of any library of the array API standard, which gives reshape() to its namespace only.
    """
    reshape = flat.__array_namespace__().reshape
    views = []
    start = 0
    for shape in layer_shapes(layers):
        end = start + prod(shape)
        views.append(reshape(flat[start:end], shape))
        start = end
    return views


def init_weights(layers: Sequence[int], *, init: str, seed: int, dtype: str) -> FloatArray:
    """Return a fresh flat vector, drawn in place: the peak is little more than the vector itself.

    Args:
        init: `uniform` within +-0.01 for every weight, biases too (the classic start); `he` normal with
            deviation sqrt(2 / inputs), biases 0 (He et al. 2015, equation 10); `xavier` uniform within
            +-sqrt(6 / (inputs + units)), biases 0 (Glorot and Bengio 2010, equation 16); or `zeros`.

    Raises:
        ValueError: unknown `init`.
    """
    flat = np.zeros(n_weights(layers), dtype)
    rng = np.random.default_rng(seed)
    if init == "uniform":
        _fill_uniform(rng, flat)
        flat *= _UNIFORM_REACH
    elif init == "he":
        rng.standard_normal(out=flat, dtype=flat.dtype.type)
        for view in layer_views(flat, layers):
            view *= sqrt(2 / (view.shape[1] - 1))
            view[:, -1] = 0
    elif init == "xavier":
        _fill_uniform(rng, flat)
        for view in layer_views(flat, layers):
            view *= sqrt(6 / (view.shape[1] - 1 + view.shape[0]))
            view[:, -1] = 0
    elif init != "zeros":
        raise ValueError(f"init must be one of {', '.join(INITS)}, not {init!r}")
    return flat


def _fill_uniform(rng: np.random.Generator, flat: FloatArray) -> None:
    """Fill `flat` with numbers uniform in -1..1."""
    rng.random(out=flat, dtype=flat.dtype.type)
    flat *= 2
    flat -= 1
