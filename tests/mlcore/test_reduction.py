"""The reduction tree: the same additions, and so the same bits, in any order of arrival."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcore.reduction import Addition, ReductionTree, tree_sum

Vector = npt.NDArray[np.float32]

arrivals = st.integers(1, 40).flatmap(lambda n: st.permutations(range(n)))


def reduce(
    order: Sequence[int], left_out: frozenset[int], deltas: Sequence[Vector]
) -> tuple[set[Addition], Vector | None]:
    """Let the deltas arrive in this order; return the additions that were made, and the sum."""
    tree = ReductionTree(len(deltas))
    held: dict[str, Vector] = {}
    made: set[Addition] = set()
    for shard in order:
        if shard in left_out:
            addition = tree.leave_out(shard)
        else:
            held[str(shard)] = deltas[shard].copy()
            addition = tree.fill((0, shard), str(shard))
        while addition is not None:
            assert addition not in made
            made.add(addition)
            held[addition.left] += held.pop(addition.right)
            addition = tree.fill(addition.slot, addition.left)
    assert tree.is_complete
    assert list(held) == ([tree.root] if tree.root is not None else [])
    return made, held[tree.root] if tree.root is not None else None


@given(arrivals)
def test_all_at_once_the_tree_gives_the_same_bits(order: list[int]) -> None:
    deltas = some_deltas(len(order))
    _, as_they_came = reduce(order, frozenset(), deltas)
    assert as_they_came is not None
    assert tree_sum([delta.copy() for delta in deltas]).tobytes() == as_they_came.tobytes()


def some_deltas(n: int) -> list[Vector]:
    """Numbers of very different size, so that another order of additions gives other bits."""
    rng = np.random.default_rng(n)
    return [(rng.standard_normal(8) * 10.0 ** rng.uniform(-4, 4, 8)).astype(np.float32) for _ in range(n)]


@given(arrivals, st.data())
def test_any_order_of_arrival_makes_the_same_additions_and_bits(order: list[int], data: st.DataObject) -> None:
    left_out = data.draw(st.frozensets(st.sampled_from(order)))
    deltas = some_deltas(len(order))
    made, total = reduce(order, left_out, deltas)
    in_order_made, in_order_total = reduce(sorted(order), left_out, deltas)
    assert made == in_order_made
    assert len(made) == max(0, len(deltas) - len(left_out) - 1)
    if total is None or in_order_total is None:
        assert len(left_out) == len(deltas)
    else:
        assert total.tobytes() == in_order_total.tobytes()


@given(arrivals)
def test_the_sum_is_the_sum(order: list[int]) -> None:
    deltas = [np.full(1, 2.0**shard, np.float64).astype(np.float32) for shard in range(len(order))]
    _, total = reduce(order, frozenset(), deltas)
    assert total is not None
    assert total[0] == pytest.approx(2.0 ** len(order) - 1.0, rel=1e-6)


def test_siblings_are_added_as_soon_as_both_are_there_left_to_right() -> None:
    tree = ReductionTree(4)
    assert tree.fill((0, 3), "d") is None
    assert tree.fill((0, 2), "c") == Addition("c", "d", (1, 1))
    assert tree.fill((0, 0), "a") is None
    assert tree.fill((0, 1), "b") == Addition("a", "b", (1, 0))
    assert tree.fill((1, 0), "a") is None
    assert tree.fill((1, 1), "c") == Addition("a", "c", (2, 0))
    assert tree.fill((2, 0), "a") is None
    assert (tree.root, tree.is_complete) == ("a", True)


def test_the_odd_last_shard_moves_up_alone() -> None:
    tree = ReductionTree(3)
    assert tree.fill((0, 2), "c") is None
    assert tree.fill((0, 0), "a") is None
    assert tree.fill((0, 1), "b") == Addition("a", "b", (1, 0))
    assert tree.fill((1, 0), "a") == Addition("a", "c", (2, 0))


def test_the_sibling_of_a_shard_left_out_moves_up_alone() -> None:
    tree = ReductionTree(4)
    assert tree.leave_out(1) is None
    assert tree.fill((0, 0), "a") is None
    assert tree.fill((0, 2), "c") is None
    assert tree.fill((0, 3), "d") == Addition("c", "d", (1, 1))
    assert tree.fill((1, 1), "c") == Addition("a", "c", (2, 0))


def test_one_shard_is_the_sum() -> None:
    tree = ReductionTree(1)
    assert tree.fill((0, 0), "a") is None
    assert (tree.root, tree.is_complete) == ("a", True)


def test_when_all_are_left_out_there_is_no_sum() -> None:
    tree = ReductionTree(2)
    assert (tree.leave_out(0), tree.leave_out(1)) == (None, None)
    assert (tree.root, tree.is_complete) == (None, True)


def test_a_shard_that_comes_twice_is_an_error() -> None:
    tree = ReductionTree(2)
    tree.fill((0, 0), "a")
    with pytest.raises(ValueError, match="filled twice"):
        tree.fill((0, 0), "again")


def test_a_tree_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one leaf"):
        ReductionTree(0)
