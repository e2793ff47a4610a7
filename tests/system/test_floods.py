"""Lazy peers, floods and bombs at a coordinator and a node, plain and inside TLS: honest calls stay quick.

Shown with -s: how long honest calls take meanwhile, and what the process has that is attacked.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from rpc.messages import PART_BYTES
from tests.system.lazy_peers import (
    MANY,
    dripping,
    lazy,
    silent,
    stopping_in_the_first_message,
    stopping_in_the_handshake,
)
from tests.system.targets import Target, targets
from tests.system.test_hostile_peers import BOMBS, call, nested_structs

pytestmark = pytest.mark.alone
_GONE_S = 8.0  # a first call is waited for 5 s
_AT_ONCE = 100
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_CALLERS = 8
_NAMES = ("coordinator", "coordinator in TLS", "node", "node in TLS")


@pytest.fixture(scope="module")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    with targets(tmp_path_factory.mktemp("targets")) as found:
        yield {target.name: target for target in found}


def test_peers_that_keep_all_waiting_are_gone_in_time(besieged: dict[str, Target]) -> None:
    with ExitStack() as sieges, ExitStack() as peers:
        each = [
            (sieges.enter_context(target.besieged(f"{MANY} silent peers, {MANY} that send a byte a second")), target)
            for target in besieged.values()
        ]
        for _, target in each:
            peers.enter_context(lazy(target, silent, dripping))
        for siege, _ in each:
            siege.gone(_GONE_S)


def test_peers_that_stop_in_a_handshake_are_gone_in_time(besieged: dict[str, Target]) -> None:
    with ExitStack() as sieges, ExitStack() as peers:
        each = [
            (sieges.enter_context(target.besieged(f"{2 * MANY} that stop in the handshake")), target)
            for target in besieged.values()
            if target.authority
        ]
        for _, target in each:
            peers.enter_context(lazy(target, stopping_in_the_handshake, stopping_in_the_first_message))
        for siege, _ in each:
            siege.gone(_GONE_S)


@pytest.mark.parametrize("name", _NAMES)
def test_who_connects_and_leaves_all_the_time_keeps_nobody_out(name: str, besieged: dict[str, Target]) -> None:
    target, count = besieged[name], 0
    with target.besieged("connecting and leaving") as siege:
        for _ in siege.rounds():
            peers = [target.dial() for _ in range(_AT_ONCE)]
            count += len(peers)
            for number, peer in enumerate(peers):
                if number % 2:  # it leaves by a reset
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()
        siege.said = f"; {count} connections"
        siege.gone(_GONE_S)


@pytest.mark.parametrize("name", _NAMES)
def test_who_calls_all_the_time_and_waits_for_no_answer_keeps_nobody_waiting(
    name: str, besieged: dict[str, Target]
) -> None:
    target = besieged[name]
    with target.besieged(f"{_CALLERS} that call without waiting") as siege, callers(target) as answered:
        for _ in siege.rounds():
            threading.Event().wait(0.1)
        siege.said = f"; {sum(answered) / 1e6:.1f} MB of answers"


@contextmanager
def callers(target: Target) -> Iterator[list[int]]:
    """Known peers that send calls as fast as they are taken; yields how many bytes each was answered."""
    answered, over = [0] * _CALLERS, threading.Event()
    with ExitStack() as stack:
        peers = [stack.enter_context(target.connect()) for _ in range(_CALLERS)]
        for peer in peers:
            peer.sendall(target.hello)
            peer.setblocking(False)

        def flood() -> None:
            calls, sent = target.tiny_call * 1000, [0] * _CALLERS
            while not over.is_set():
                select.select(peers, peers, [], 1.0)
                for number, peer in enumerate(peers):
                    with suppress(*_NOT_NOW):
                        answered[number] += len(peer.recv(1 << 16))
                    with suppress(*_NOT_NOW):
                        sent[number] += peer.send(calls[sent[number] % len(calls) :])

        thread = threading.Thread(target=flood)
        thread.start()
        stack.callback(thread.join)
        stack.callback(over.set)
        yield answered


def bombs_of_known_peers(name: bytes) -> list[bytes]:
    """Calls of nearly as many bytes as one may have that has said hello, and smaller ones that claim to hold more."""
    large = PART_BYTES - 100
    return [
        call(name, struct.pack("!BHI", 11, 99, 0x7FFFFFFF)),
        call(name, struct.pack("!BHB", 3, 99, 0) * (large // 4) + b"\0"),  # a million fields
        call(name, struct.pack("!BHBI", 15, 99, 12, large) + bytes(large)),  # 4 M empty structs
        call(name, struct.pack("!BHBI", 15, 99, 15, large // 5) + struct.pack("!BI", 3, 0) * (large // 5) + b"\0"),
        call(name, (struct.pack("!BHBI", 15, 99, 12, 50_000) + bytes(50_000)) * 80 + b"\0"),
        call(name, struct.pack("!BHBBII", 13, 99, 11, 15, 1, 0) + b"\x0f\x7f\xff\xff\xff" * 1000),
        nested_structs(1_000_000, name),
    ]


@pytest.mark.parametrize("name", _NAMES)
def test_bombs_one_after_the_other_keep_nobody_waiting(name: str, besieged: dict[str, Target]) -> None:
    target, count = besieged[name], 0
    with target.besieged("bombs") as siege:
        for _ in siege.rounds():
            for before, bombs in ((b"", BOMBS), (target.hello, bombs_of_known_peers(target.method))):
                for bomb in bombs:
                    with target.connect() as peer, suppress(OSError):  # it hangs up on what it has not read
                        if before:
                            peer.sendall(before)
                            assert peer.recv(1 << 16)
                        peer.sendall(bomb)
                        peer.recv(1 << 16)  # an answer or, mostly, the end
                    count += 1
        siege.said = f"; {count} bombs"
        siege.gone(_GONE_S)
