"""Types of command-line arguments."""

from __future__ import annotations

import argparse

import pytest

from rpc.argument_types import days, said, size


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0", 0), ("1GB", 10**9), ("1.5KB", 1500), ("512MiB", 512 << 20), ("2T", 2 * 10**12), ("100B", 100)],
)
def test_a_size_is_a_number_with_a_unit(text: str, wanted: int) -> None:
    assert size(text) == wanted


@pytest.mark.parametrize("text", ["", "GB", "1XB", "-1GB", "infGB", "nan", "1GBB", "1iB", "1 gb"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="size"):
        size(text)


def test_days_are_as_many_as_a_database_can_count() -> None:
    assert (days("0"), days("0.5"), days("1e6")) == (0.0, 0.5, 1e6)


@pytest.mark.parametrize("text", ["1e12", "inf", "nan", "-1", "a week"])
def test_what_is_no_number_of_days_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be days, from 0 to 1,000,000"):
        days(text)


def test_what_is_refused_is_quoted_whole() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not '5XB'"):
        size("5XB")


@pytest.mark.parametrize("text", ["", " "])
def test_what_must_be_said_is_not_empty(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must not be empty"):
        said(text)
