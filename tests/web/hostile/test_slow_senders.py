"""The last of these tests: who kept the server waiting all the while is gone in time."""

from __future__ import annotations

import pytest

from tests.web.hostile.conftest import Web
from tests.web.hostile.lazy_senders import BODIES, EACH, HEADS

pytestmark = pytest.mark.alone
_GONE_S = 40.0  # 30 s for a head, and as much for the first bytes of a body


def test_who_sends_a_byte_a_second_is_not_waited_for(web: Web) -> None:
    with web.besieged(f"{EACH * len(HEADS)} heads and {EACH * len(BODIES)} bodies that do not come") as siege:
        for _ in siege.rounds():
            heard = web.lazy_senders.wait_until_gone(_GONE_S)
        siege.said = f"; all gone after {web.lazy_senders.ended_s:.0f} s"
    assert {name for name in heard if heard[name] == set()} == set(HEADS)
    assert {name for name in heard if heard[name] == {b"HTTP/1.1 408 Request Timeout"}} == set(BODIES)
