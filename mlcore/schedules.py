"""How eta changes over all the steps of a run."""

from math import cos, pi

SCHEDULES = ("constant", "cosine", "onecycle")
_WARM_UP = 0.3  # share of the run that `onecycle` spends on its way up


def eta_factor(schedule: str, step: int, total_steps: int) -> float:
    """Return the factor on eta, above 0 and at most 1, at `step` (from 0) of `total_steps`.

    `cosine` falls along half a cosine (Loshchilov and Hutter 2017, equation 5, without restarts); `onecycle`
    rises linearly for the first 30 % of the run and then falls along half a cosine (after Smith 2018,
    section 3). Both are read in the middle of a step, so no step has a factor of 0.
    """
    if schedule == "constant":
        return 1.0
    progress = (step + 0.5) / total_steps
    if schedule == "cosine":
        return _half_cosine(progress)
    if progress < _WARM_UP:
        return progress / _WARM_UP
    return _half_cosine((progress - _WARM_UP) / (1.0 - _WARM_UP))


def _half_cosine(progress: float) -> float:
    return 0.5 * (1.0 + cos(pi * progress))
