"""Where the web is served."""

from __future__ import annotations

import socket

import pytest

from rpc import web_port
from rpc.errors import PortInUse
from rpc.sockets import listen
from rpc.web_port import OFF, VARIABLE, listen_for_web, said_port, url_of


def test_an_argument_counts_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert said_port(None) is None
    monkeypatch.setenv(VARIABLE, "off")
    assert (said_port(None), said_port(8080), said_port(0)) == (OFF, 8080, 0)


def test_the_usual_port_gives_way_to_a_free_one_and_a_said_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(web_port, "USUAL", port)
        with listen_for_web("127.0.0.1", None) as listening:
            assert url_of(listening) != f"http://127.0.0.1:{port}"
        with pytest.raises(PortInUse, match=str(port)):
            listen_for_web("127.0.0.1", port)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_ipv6_address_stands_in_brackets() -> None:
    with listen_for_web("::1", 0) as listening:
        assert url_of(listening).startswith("http://[::1]:")
