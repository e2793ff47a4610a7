"""Adam's constants, and its two bias corrections folded into one step size and one epsilon."""

from math import sqrt

BETA_1 = 0.9
BETA_2 = 0.999
EPSILON = 1e-8


def folded_constants(eta: float, step: int) -> tuple[float, float]:
    """Return (rate, epsilon) such that the update is `w -= rate * m / (sqrt(v) + epsilon)`.

    Here m and v are plain decaying sums, `m = beta_1 * m + g`: the factors 1 - beta and the corrections of
    Kingma and Ba (2015, section 2) are in the two numbers returned, which saves passes over the vectors.
    """
    first = (1.0 - BETA_1) / (1.0 - BETA_1**step)
    root_of_second = sqrt((1.0 - BETA_2) / (1.0 - BETA_2**step))
    return eta * first / root_of_second, EPSILON / root_of_second
