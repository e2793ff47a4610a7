"""Whether all numbers of a vector are finite, in one pass."""

import math

import numpy as np

from mlcore.kernels.backend import FloatArray


def all_finite(vector: FloatArray) -> bool:
    """Return whether no number is NaN or infinite; quick where the vector fits the cache."""
    # Finite, the sum of squares proves it without an array of truths; it may also overflow, which proves nothing.
    with np.errstate(all="ignore"):
        squares = np.dot(vector, vector)
    return math.isfinite(squares) or bool(np.isfinite(vector).all())
