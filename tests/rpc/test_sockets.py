"""Tests of the options of sockets, of descriptors, and of the log of bad peers."""

from __future__ import annotations

import os
import resource
import socket

import pytest

from rpc.bad_peers import BadPeers
from rpc.descriptors import SpareDescriptor, raise_nofile
from rpc.errors import BadRequest, PortInUse
from rpc.sockets import bind, listen, peer_name, start_listening, tune


def test_a_tuned_socket_has_no_delay_and_notices_a_dead_peer() -> None:
    with socket.socket() as sock:
        tune(sock)
        assert not sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        for name, value in (
            ("TCP_KEEPIDLE", 15),
            ("TCP_KEEPINTVL", 5),
            ("TCP_KEEPCNT", 3),
            ("TCP_USER_TIMEOUT", 30_000),
        ):
            if hasattr(socket, name):
                assert sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value
        assert peer_name(sock) == "a lost peer"


def test_a_local_pair_can_be_tuned_too() -> None:
    near, far = socket.socketpair()
    with near, far:
        tune(near)
        assert peer_name(near) == "a local peer"


def test_an_address_is_served_by_one_and_must_be_of_this_machine() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PortInUse, match=f"127.0.0.1:{port} is in use"):
            listen("127.0.0.1", port)
    with listen("127.0.0.1", port):
        pass  # free again at once
    with pytest.raises(BadRequest, match=r"cannot serve on no-such-host\.invalid:1"):
        listen("no-such-host.invalid", 1)
    with pytest.raises(BadRequest, match=r"cannot serve on 192\.0\.2\.1:1"):
        listen("192.0.2.1", 1)


def test_the_soft_limit_of_files_is_raised_to_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard - 1, hard))
    try:
        assert raise_nofile() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_spare_descriptor_is_there_again_after_it_was_used() -> None:
    spare = SpareDescriptor()
    with listen("127.0.0.1", 0) as listener:
        assert not spare.turn_away(listener)  # nobody is there
        with socket.create_connection(listener.getsockname()) as sock:
            assert spare.turn_away(listener)
            assert sock.recv(1) == b""
    before = len(os.listdir("/proc/self/fd"))
    spare.close()
    spare.close()
    assert len(os.listdir("/proc/self/fd")) == before - 1


def test_a_bad_address_gets_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    peers = BadPeers()
    assert [peers.note("10.0.0.1", "x sent junk", now) for now in (0.0, 1.0, 59.0, 60.0)] == [
        True,
        False,
        False,
        True,
    ]
    assert peers.note("10.0.0.2", "y sent junk", 61.0)
    assert [record.getMessage() for record in caplog.records] == [
        "x sent junk (0 more since the last such line)",
        "x sent junk (2 more since the last such line)",
        "y sent junk (0 more since the last such line)",
    ]


def test_any_number_of_bad_addresses_is_remembered_in_little_memory() -> None:
    peers = BadPeers()
    for number in range(5000):
        peers.note(str(number), "junk", 0.0)
    assert len(peers._until) <= 1024


def test_a_bound_socket_takes_the_port_but_refuses_callers_until_it_listens() -> None:
    with bind("127.0.0.1", 0) as sock:
        host, port = sock.getsockname()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, port), timeout=5)
        start_listening(sock, host)
        socket.create_connection((host, port), timeout=5).close()


def test_of_two_that_took_a_port_one_listens_and_the_other_names_it() -> None:
    first = bind("127.0.0.1", 0)
    host, port = first.getsockname()
    second = bind(host, port)
    with first, second:
        start_listening(first, host)
        with pytest.raises(PortInUse, match=f"127.0.0.1:{port} is in use"):
            start_listening(second, host)
        assert second.fileno() == -1
