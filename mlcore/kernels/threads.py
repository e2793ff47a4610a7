"""The number of threads that BLAS uses, for the whole process."""

from functools import lru_cache
from threading import Lock

from threadpoolctl import ThreadpoolController

_lock = Lock()


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    # Looking for the libraries takes milliseconds, so it is done once.
    return ThreadpoolController()


def set_blas_threads(n_threads: int) -> None:
    """Let BLAS use `n_threads` threads from now on, in every thread of this process.

    Raises:
        ValueError: `n_threads` is below 1.
    """
    if n_threads < 1:
        raise ValueError(f"threads must be 1 or more, not {n_threads}")
    with _lock:
        _controller().limit(limits=n_threads, user_api="blas")
