"""What is said of TLS: refused where it contradicts itself, or cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from rpc.errors import BadRequest
from rpc.tls_options import checked_trust
from rpc.trust import Trust

DIGITS = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "text", [DIGITS, DIGITS.upper(), f"sha256:{DIGITS}", ":".join(DIGITS[at : at + 2] for at in range(0, 64, 2))]
)
def test_a_fingerprint_may_be_written_in_several_ways(text: str) -> None:
    assert checked_trust(Trust(fingerprint=text)).fingerprint == text


@pytest.mark.parametrize("text", ["zz", DIGITS[:-1], DIGITS + "0", DIGITS[:-1] + "g", DIGITS[:-1] + "٣"])
def test_what_is_no_fingerprint_is_refused_before_anybody_is_called(text: str) -> None:
    with pytest.raises(BadRequest, match="64 hexadecimal digits"):
        checked_trust(Trust(fingerprint=text))


@pytest.mark.parametrize(
    "trust",
    [Trust("a.pem", DIGITS), Trust("a.pem", key=Path("k.pem")), Trust(certificate=Path("c.pem"))],
)
def test_what_contradicts_itself_is_refused(trust: Trust) -> None:
    with pytest.raises(BadRequest, match="--tls-"):
        checked_trust(trust)
