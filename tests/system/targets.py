"""What hostile peers turn to: a coordinator and a node that listens, each on a plain port and inside TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rpc.codec import encode_call
from rpc.messages import PROTOCOL_VERSION, Hello
from rpc.own_certificates import own_certificates
from rpc.services import COMPUTE_NODE, COORDINATOR, Service
from tests.system.besieged import Besieged
from tests.system.cluster import Program
from tests.system.honest import Honest

TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Target:
    """One port of a program that runs. Attributes: authority, of its certificate; empty: it serves without TLS."""

    name: str
    service: Service
    program: Program
    authority: str
    honest: Honest

    def besieged(self, what: str) -> Besieged:
        return Besieged(f"{self.name}, {what}", self.program, self.honest)

    def dial(self, own_port: int = 0) -> socket.socket:
        """A connection as it is, without a handshake."""
        own = ("127.0.0.1", own_port) if own_port else None  # to be given any port of one's own takes long
        return socket.create_connection(("127.0.0.1", self.program.port), TIMEOUT_S, own)

    def connect(self, own_port: int = 0) -> socket.socket:
        """A connection on which frames can be sent."""
        sock = self.dial(own_port)
        return self._tls.wrap_socket(sock, server_hostname="127.0.0.1") if self.authority else sock

    def client_hello(self) -> bytes:
        """What begins a handshake of TLS."""
        outgoing = ssl.MemoryBIO()
        with suppress(ssl.SSLWantReadError):
            self._tls.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1").do_handshake()
        return outgoing.read()

    @property
    def hello(self) -> bytes:
        """The frame that makes a connection a known one."""
        role = "client" if self.service is COORDINATOR else "coordinator"
        return self.frame("hello", Hello(PROTOCOL_VERSION, role, coordinator="hostile", epoch=1, connection="slot"))

    @property
    def tiny_call(self) -> bytes:
        """A frame with a call that costs nearly nothing."""
        return self.frame(self.method.decode(), *((0,) if self.service is COORDINATOR else ()))

    def frame(self, name: str, *args: Any) -> bytes:
        """The frame of a call."""
        return b"".join(map(bytes, encode_call(self.service.methods[name], 1, args)))

    @property
    def method(self) -> bytes:
        """The one that costs nearly nothing."""
        return b"glance" if self.service is COORDINATOR else b"status"

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.authority)


@contextmanager
def targets(folder: Path) -> Iterator[list[Target]]:
    """All four, with somebody honest at each; they end with the block, well and without a bug in their logs."""
    made = own_certificates(folder / "node", ("127.0.0.1",))
    kept = folder / "kept"
    secured = ("--tls-cert", str(made.certificate), "--tls-key", str(made.key))
    web_off = ("--http-port", "off")
    starts = {
        "coordinator": ("coordinator.py", "0", *web_off),
        "coordinator in TLS": ("coordinator.py", "0", *web_off, "--tls", "auto", "--data-dir", str(kept)),
        "node": ("compute_node.py", "0"),
        "node in TLS": ("compute_node.py", "0", *secured),
    }
    authorities = {"coordinator in TLS": str(kept / "tls" / "authority.pem"), "node in TLS": str(made.authority)}
    programs = {name: Program(*words) for name, words in starts.items()}
    try:
        with ExitStack() as stack:
            found = []
            for name, program in programs.items():
                kind, authority = name.partition(" ")[0], authorities.get(name, "")
                honest = stack.enter_context(Honest(kind, str(program.serve().port), authority))
                found.append(
                    Target(name, COORDINATOR if kind == "coordinator" else COMPUTE_NODE, program, authority, honest)
                )
            yield found
    finally:
        ended = {name: program.stop() for name, program in programs.items()}
    assert set(ended.values()) == {0}, ended
    bugs = [line for program in programs.values() for line in program.stderr if "Error" in line or "Traceback" in line]
    assert bugs == []
