"""The number of BLAS threads."""

import pytest
from threadpoolctl import threadpool_info

from mlcore.kernels import set_blas_threads


@pytest.mark.parametrize("n_threads", [2, 1])
def test_blas_uses_as_many_threads_as_it_is_told(n_threads: int) -> None:
    set_blas_threads(n_threads)
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {n_threads}


def test_fewer_than_one_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="threads must be 1 or more, not 0"):
        set_blas_threads(0)
