"""How many threads a task computes with: BLAS has one, and what is worth it is shared among ours.

Threads of BLAS wait for each other in every product, spinning: on a machine with other work to do, two took up to
ten times as long as one. Their number would also hold for the whole process, and tasks would have to take turns.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import lru_cache
from os import cpu_count
from threading import local

from threadpoolctl import ThreadpoolController

_LINE = 16  # elements that no two threads should share: a cache line of float32


class _Chosen(local):
    n_threads = 1


_chosen = _Chosen()


def set_threads(n_threads: int) -> None:
    """Let this thread share its work among `n_threads` threads from now on, itself one of them.

    Raises:
        ValueError: `n_threads` is below 1.
    """
    if n_threads < 1:
        raise ValueError(f"threads must be 1 or more, not {n_threads}")
    _leave_one_to_blas()
    _chosen.n_threads = n_threads


def share(work: Callable[[slice], object], length: int) -> None:
    """Call `work` with slices that together are `range(length)`; returns when all are done.

    Waking another thread costs up to 0.1 ms: anything shorter is not worth sharing.
    """
    if _chosen.n_threads == 1:
        work(slice(0, length))
        return
    step = -(-length // (_chosen.n_threads * _LINE)) * _LINE
    first, *others = (slice(start, min(start + step, length)) for start in range(0, length, step))
    # The context carries NumPy's rules about floating-point warnings.
    elsewhere = [(_pool().submit(copy_context().run, work, part), part) for part in others]
    try:
        work(first)
        for each, part in elsewhere:
            if each.cancel():  # no thread has begun with it: on a busy machine that can take longer than the work
                work(part)
    finally:
        begun = [each for each, _ in elsewhere if not each.cancel()]
        wait(begun)
    for each in begun:
        each.result()


@lru_cache(maxsize=1)
def _leave_one_to_blas() -> None:
    ThreadpoolController().limit(limits=1, user_api="blas")


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cpu_count(), thread_name_prefix="share")
