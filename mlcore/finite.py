"""Whether all numbers of a vector are finite, in one pass."""

import math

import numpy as np

from mlcore.kernels.backend import FloatArray


def all_finite(vector: FloatArray) -> bool:
    """Return whether no number is NaN or infinite; quick where the vector fits the cache."""
    # Finite, the sum of squares proves it without an array of truths; it may also overflow, which proves nothing.
    # `vdot` says nothing of that, where `dot` would warn.
    return math.isfinite(np.vdot(vector, vector)) or bool(np.isfinite(vector).all())
