"""What failures mean, and how long to wait after them."""

from __future__ import annotations

from random import Random

import pytest

from coordinator.core.retry import Backoff, rule_for
from rpc.errors import FailureKind


def test_delays_double_up_to_the_longest() -> None:
    backoff = Backoff(first_s=0.2, max_s=5.0)
    middle = [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    for n, wanted in enumerate(middle, start=1):
        delays = [backoff.delay_s(n, Random(seed)) for seed in range(100)]
        assert 0.5 * wanted <= min(delays) < 0.7 * wanted
        assert 1.3 * wanted < max(delays) <= 1.5 * wanted


def test_a_delay_after_very_many_setbacks_is_a_number() -> None:
    assert Backoff(0.2, 5.0).delay_s(10**9, Random(0)) <= 7.5


@pytest.mark.parametrize(
    ("kind", "tries", "blames"),
    [
        (FailureKind.USER_ERROR, 1, False),
        (FailureKind.DIVERGED, 2, False),
        (FailureKind.CANCELLED, 0, False),
        (FailureKind.BAD_UPDATE, 0, True),
        (FailureKind.PROTOCOL, 0, True),
        (FailureKind.INTERNAL, 0, True),
    ],
)
def test_only_what_a_node_can_help_is_blamed_on_it(kind: FailureKind, tries: int, blames: bool) -> None:
    rule = rule_for(kind)
    assert (rule.tries, rule.blames) == (tries, blames)
