"""The flat vector, its views and its start."""

import tracemalloc

import numpy as np
import pytest

from mlcore.mlp import init_weights, layer_views, n_weights


def test_the_number_of_weights_counts_the_biases() -> None:
    assert n_weights((16, 24, 26)) == 24 * 17 + 26 * 25 == 1058
    assert n_weights((3, 2)) == 8


def test_views_share_the_vector_first_layer_first_bias_last() -> None:
    flat = np.arange(n_weights((2, 3, 1)), dtype=np.float32)
    first, second = layer_views(flat, (2, 3, 1))
    assert first.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert second.tolist() == [[9, 10, 11, 12]]
    second[0, -1] = 99
    assert flat[-1] == 99


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_classic_start_fills_all_weights_within_a_hundredth(dtype: str) -> None:
    flat = init_weights((16, 100, 26), init="uniform", seed=1, dtype=dtype)
    assert flat.dtype == dtype
    assert 0.0099 < flat.max() <= 0.01
    assert -0.01 <= flat.min() < -0.0099
    assert abs(flat.mean()) < 0.0003
    assert np.count_nonzero(layer_views(flat, (16, 100, 26))[0][:, -1]) == 100


@pytest.mark.parametrize(("init", "deviation"), [("he", np.sqrt(2 / 50)), ("xavier", np.sqrt(2 / 250))])
def test_he_and_xavier_scale_with_the_layer_and_leave_biases_0(init: str, deviation: float) -> None:
    for view in layer_views(init_weights((50, 200, 50), init=init, seed=1, dtype="float32"), (50, 200, 50))[:1]:
        assert view[:, :-1].std() == pytest.approx(deviation, rel=0.03)
        assert not view[:, -1].any()


def test_zeros_are_zeros() -> None:
    assert not init_weights((4, 3), init="zeros", seed=1, dtype="float64").any()


def test_the_same_seed_gives_the_same_start_and_another_seed_another() -> None:
    starts = [init_weights((4, 3), init="he", seed=seed, dtype="float32").tobytes() for seed in (1, 1, 2)]
    assert starts[0] == starts[1] != starts[2]


@pytest.mark.parametrize("init", ["uniform", "he", "xavier"])
def test_a_large_start_needs_little_more_memory_than_itself(init: str) -> None:
    layers = (1000, 10_000, 10)
    size = 4 * n_weights(layers)
    tracemalloc.start()
    init_weights(layers, init=init, seed=1, dtype="float32")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.1 * size


def test_an_unknown_start_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="init must be one of uniform, he, xavier, zeros, not 'ones'"):
        init_weights((4, 3), init="ones", seed=1, dtype="float32")
