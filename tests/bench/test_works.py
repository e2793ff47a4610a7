"""Tests of the works of the core: everybody starts alike, and the check finds a wrong result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.core import reference, roundhouse
from bench.core.child import check
from bench.core.works import WORKS, Work


def small(name: str) -> Work:
    """The work with two batches of rows and two passes."""
    work = WORKS[name]
    rows = 64
    settings = replace(work.settings, epochs=2, batch_size=0 if work.settings.optimizer == "gd" else 32)
    return replace(work, settings=settings, rows=rows)


@pytest.mark.parametrize("name", ["A", "B", "D"])
def test_our_core_gives_what_plain_float64_gives(name: str) -> None:
    work = small(name)
    if name == "A":  # the whole file is its shard
        work = replace(WORKS["A"], settings=replace(WORKS["A"].settings, epochs=1))
    check(work, roundhouse.prepare(work, 1)(), reference.train(work))


def test_a_wrong_result_is_found() -> None:
    work = small("B")
    answer = reference.train(work)
    wrong = answer + 0.1 * np.linalg.norm(answer - work.model) / np.sqrt(len(answer))
    with pytest.raises(ValueError, match=r"10\.0% of the way trained off"):
        check(work, wrong.astype(np.float32), answer)
    with pytest.raises(ValueError, match="off"):
        check(work, np.full_like(work.model, np.nan), answer)


def test_the_works_take_the_operations_that_their_products_have() -> None:
    assert WORKS["A"].gemm_flops == pytest.approx(0.658e9, rel=0.01)
    assert WORKS["B"].gemm_flops == pytest.approx(0.919e9, rel=0.01)
    assert WORKS["C"].gemm_flops == pytest.approx(153.4e9, rel=0.01)
    assert WORKS["D"].gemm_flops == pytest.approx(26.8e9, rel=0.01)
