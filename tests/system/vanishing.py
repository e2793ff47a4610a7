"""Peers that vanish: `unshare --net python -m tests.system.vanishing FOLDER` drops all that they would still send.

The network is this program's own. There their side of each connection is gone without a word, as when a machine loses
its power; what they were doing then differs. Meanwhile others send a frame byte by byte, or take no answers.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import time
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

from rpc.services import COORDINATOR
from tests.system.lazy_peers import MANY, lazy
from tests.system.targets import Target, targets

SILENT = 50
DEAF = 5
DRIPPING = 20
_FIRST_PORT = 20_000  # of those that vanish, one after the other
_GONE_S = 38.0  # what is known has 30 s for a frame, and is asked for a sign of life after 15 s
_DATA = bytes(2 << 20)
_BLOB = f"sha256:{sha256(_DATA).hexdigest()}"
_LONG = struct.pack("!IHH", 60_000, 0x8001, 1) + bytes(60_000)  # a frame


def main(folder: str) -> None:
    """Print the figures; fails where connections are kept."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with targets(Path(folder)) as found, ExitStack() as sieges:
        for target in found:
            if target.service is not COORDINATOR:
                continue  # nodes give nothing away that may be as long
            with _known(target) as peer:
                peer.sendall(target.frame("put_blob", _BLOB, len(_DATA), 0, _DATA))
                assert peer.recv(1 << 16)
        what = f"{MANY} peers that vanish, {DRIPPING} that send a byte a second, {DEAF} or none that take no answers"
        each = [sieges.enter_context(target.besieged(what)) for target in found]
        gone: list[socket.socket] = []
        for target in found:
            gone += _connect(target, _FIRST_PORT + len(gone))
        _vanish(gone, len(gone))
        began = time.monotonic()
        with ExitStack() as lazy_ones:
            for target in found:
                lazy_ones.enter_context(lazy(target, _dripping, many=DRIPPING))
                if target.service is COORDINATOR:
                    lazy_ones.enter_context(lazy(target, _deaf, many=DEAF))
            for siege in each:
                siege.gone(_GONE_S - (time.monotonic() - began))
                siege.said = f"; all gone after {time.monotonic() - began:.0f} s"


def _connect(target: Target, first: int) -> list[socket.socket]:
    """Those that are to vanish: silent ones; known ones that are idle, in the middle of a frame, or owed an answer."""
    peers = [target.dial(first + number) for number in range(SILENT)]
    for number in range(SILENT, MANY):
        peers.append(_known(target, first + number))
        if number >= MANY - DEAF and target.service is COORDINATOR:
            _take_nothing(target, peers[-1])
        elif number % 2:
            peers[-1].sendall(_LONG[:100])
    return peers


def _vanish(peers: list[socket.socket], ports: int) -> None:
    """Nothing passes any more between these and anybody."""
    for end in ("--sport", "--dport"):
        which = f"{_FIRST_PORT}:{_FIRST_PORT + ports - 1}"
        subprocess.run(["iptables", "-A", "INPUT", "-p", "tcp", end, which, "-j", "DROP"], check=True)
    for peer in peers:
        peer.close()


def _dripping(target: Target) -> tuple[socket.socket, bytes]:
    peer = _known(target)
    peer.sendall(_LONG[:4])
    return peer, _LONG[4:]


def _deaf(target: Target) -> tuple[socket.socket, bytes]:
    peer = _known(target)
    _take_nothing(target, peer)
    return peer, b""


def _known(target: Target, own_port: int = 0) -> socket.socket:
    peer = target.connect(own_port)
    peer.sendall(target.hello)
    assert peer.recv(1 << 16)
    return peer


def _take_nothing(target: Target, peer: socket.socket) -> None:
    """Ask for what there is no room for, here and on the way."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.sendall(target.frame("get_blob", _BLOB, 0, len(_DATA)))


if __name__ == "__main__":
    main(*sys.argv[1:])
