"""Sharing work among the threads of a task."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from mlcore.kernels import Backend, set_threads
from mlcore.kernels.threads import share


@given(st.integers(1, 5), st.integers(1, 400))
def test_the_shares_make_up_the_whole(n_threads: int, length: int) -> None:
    set_threads(n_threads)
    parts: list[slice] = []
    share(parts.append, length)
    assert len(parts) <= n_threads
    assert sorted(i for part in parts for i in range(length)[part]) == list(range(length))


def test_shares_are_done_at_the_same_time() -> None:
    set_threads(2)
    both = threading.Barrier(2)
    share(lambda part: both.wait(timeout=10), 64)


def test_what_a_share_raises_is_raised() -> None:
    set_threads(2)

    def fail_late(part: slice) -> None:
        if part.start:
            raise FloatingPointError("in the second half")

    with pytest.raises(FloatingPointError, match="in the second half"):
        share(fail_late, 64)


def test_the_number_is_of_one_thread_alone_and_blas_has_one() -> None:
    set_threads(2)
    parts: list[slice] = []
    other = threading.Thread(target=share, args=(parts.append, 64))
    other.start()
    other.join(timeout=10)
    assert parts == [slice(0, 64)]
    # SciPy, which other tests load, has a BLAS of its own.
    ours = [pool for pool in threadpool_info() if pool["user_api"] == "blas" and "numpy" in pool["filepath"]]
    assert {pool["num_threads"] for pool in ours} == {1}


def test_fewer_than_one_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="threads must be 1 or more, not 0"):
        set_threads(0)


def test_long_vectors_move_to_the_same_bits_on_any_number_of_threads(cpu_backend: Backend) -> None:
    moved = []
    for n_threads in (1, 2, 3):
        set_threads(n_threads)
        w, g, m, v = np.random.default_rng(0).random((4, 300_001), dtype=np.float32)
        cpu_backend.subtract(w, g)
        cpu_backend.adam_step(w, g, m, v, eta=0.01, step=2)
        moved.append(w.tobytes())
    assert len(set(moved)) == 1


def test_shared_work_warns_no_more_than_the_rest(cpu_backend: Backend) -> None:
    set_threads(2)
    w, g = np.full((2, 300_000), -3e38, np.float32)
    with np.errstate(all="ignore"):
        cpu_backend.subtract(w, -g)
    assert np.isinf(w).all()
