"""Owners: what each has had, for its share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.owners import Owner, Owners

SECONDS = st.floats(0.0, 1e3)


def test_service_counts_for_the_share() -> None:
    owners = Owners({"ann": 4.0})
    ann, bob = owners.joins("ann"), owners.joins("bob")
    owners.serve(ann, 8.0)
    owners.serve(bob, 8.0)
    assert (ann.service, bob.service) == (2.0, 8.0)


def test_what_was_charged_too_much_is_taken_off_the_next_charges() -> None:
    owner = Owner("ann", 1.0)
    owner.charge(10.0)
    owner.settle(10.0, 4.0)
    owner.charge(5.0)
    assert owner.service == 10.0
    owner.charge(2.0)
    assert owner.service == 11.0


@given(st.lists(st.tuples(SECONDS, SECONDS)), st.floats(0.1, 10.0))
def test_in_the_end_an_owner_pays_for_what_it_used_and_never_gets_service_back(
    tasks: list[tuple[float, float]], share: float
) -> None:
    owner = Owner("ann", share)
    for guessed, used in tasks:
        before = owner.service
        owner.charge(guessed)
        owner.settle(guessed, used)
        assert owner.service >= before
    owner.charge(1e6)
    assert owner.service == pytest.approx((1e6 + sum(used for _, used in tasks)) / share)


def test_who_was_away_starts_where_the_one_served_last_stands() -> None:
    owners = Owners({})
    ann = owners.joins("ann")
    for _ in range(3):
        owners.serve(ann, 10.0)
    bob = owners.joins("bob")
    assert bob.service == 20.0


def test_who_leaves_after_much_service_finds_it_again() -> None:
    owners = Owners({})
    ann, bob = owners.joins("ann"), owners.joins("bob")
    owners.serve(ann, 10.0)
    owners.leaves(ann)
    owners.leaves(bob)
    assert owners.joins("ann").service == 10.0
    assert owners.joins("bob") is not bob
