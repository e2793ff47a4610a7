"""Settings: the defaults are the classic command's, and nonsense is refused by name."""

from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest

from mlcore.settings import TrainSettings

SETTINGS = TrainSettings((16, 24, 26))


def test_the_defaults_are_fine_and_take_the_whole_shard() -> None:
    SETTINGS.check()
    assert SETTINGS.rows_per_batch(1600) == 1600


def test_stochastic_optimizers_take_128_rows_unless_told_or_short_of_them() -> None:
    adam = replace(SETTINGS, optimizer="adam")
    assert adam.rows_per_batch(1600) == 128
    assert adam.rows_per_batch(50) == 50
    assert replace(adam, batch_size=256).rows_per_batch(1600) == 256


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("layers", (16,), "layers must hold at least inputs and classes"),
        ("layers", (16, 0, 26), "layers: every width must be 1 or more, not 0"),
        ("layers", (16, 10**9, 26), "the most is 1073741824"),
        ("activation", "gelu", "activation must be one of relu, tanh, not 'gelu'"),
        ("optimizer", "lion", "optimizer must be one of gd, sgd, adam"),
        ("eta_schedule", "step", "eta_schedule must be one of constant, cosine, onecycle"),
        ("dtype", "float16", "dtype must be one of float32, float64"),
        ("rounds", 0, "rounds must be 1 or more, not 0"),
        ("epochs", -1, "epochs must be 1 or more"),
        ("eta", 0.0, "eta must be a finite number above 0, not 0.0"),
        ("eta", -1.0, "eta must be"),
        ("eta", nan, "eta must be a finite number above 0, not nan"),
        ("eta", inf, "eta must be"),
        ("batch_size", -1, "batch_size must be 0 or more"),
        ("batch_size", 32, "batch_size must be 0 for gd"),
        ("momentum", 1.0, "momentum must be from 0 to below 1"),
        ("momentum", nan, "momentum must be"),
        ("weight_decay", -0.1, "weight_decay must be a finite number, 0 or more"),
        ("weight_decay", 0.1, "weight_decay needs optimizer sgd or adam"),
        ("label_smoothing", 1.0, "label_smoothing must be from 0 to below 1"),
        ("tolerance", nan, "tolerance must be"),
        ("prox_mu", -0.1, "prox_mu must be a finite number, 0 or more, not -0.1"),
        ("prox_mu", inf, "prox_mu must be"),
        ("seed", -1, "seed must be 0 or more"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(field: str, value: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        replace(SETTINGS, **{field: value}).check()
