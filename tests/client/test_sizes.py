"""Numbers of bytes as people read them."""

from __future__ import annotations

import pytest

from client.sizes import part, size


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9_994, "9.99 kB"),
        (9_996, "10.0 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_600, "1.00 MB"),
        (1_536_000_000, "1.54 GB"),
        (2 * 10**18, "2000 PB"),
    ],
)
def test_a_size_has_three_digits_and_a_unit(n_bytes: int, text: str) -> None:
    assert size(n_bytes) == text


def test_a_part_of_nothing_known_is_not_told() -> None:
    assert part(5, 0) == ""
    assert part(500, 2000) == "500 B of 2.00 kB"
