"""A node with a secret wherever it may have one, and services beside it that jobs must not reach."""

from __future__ import annotations

import ctypes
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHECKOUT = Path(__file__).parents[3]
_ADD_KEY, _SESSION_KEYRING = 248, -3
# With secrets in its variables, in an open file, and in memory.
_NODE = """
import os, sys
sys.path.insert(0, sys.argv[1])
from compute_node.scripts import kernel
kernel.forbid_tracing()
secret = os.environ["TOKEN"]
file = open(sys.argv[2])
print("up", flush=True)
sys.stdin.read()
"""


@contextmanager
def node_with_secrets(engine: str) -> Iterator[dict[str, str]]:
    """What the probes are told of it; `engine` is the path of a container engine's socket."""
    public = Path(tempfile.mkdtemp(prefix="public-"))
    public.chmod(0o777)
    private = public / "private"
    private.write_text(secret())
    private.chmod(0o600)
    (public / "readable").write_text(secret())
    shared = Path("/dev/shm", f"public-{secrets.token_hex(8)}")
    shared.write_text(secret())
    shared.chmod(0o644)
    name = secrets.token_hex(8)
    assert ctypes.CDLL(None).syscall(_ADD_KEY, b"user", name.encode(), b"secret", 6, _SESSION_KEYRING) >= 0
    node = subprocess.Popen(
        [sys.executable, "-c", _NODE, str(_CHECKOUT), str(private)],
        env={"TOKEN": secret()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with node, socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        assert node.stdout is not None and node.stdout.readline() == b"up\n"
        abstract.bind("\0" + name)
        abstract.listen()
        yield {
            "node_pid": str(node.pid),
            "private_file": str(private),
            "public_file": str(public / "readable"),
            "public_folder": str(public),
            "shared_memory": str(shared),
            "abstract_socket": name,
            "key": name,
            "port": str(server.getsockname()[1]),
            "engine": engine,
        }
        node.kill()
    shared.unlink()
    shutil.rmtree(public)


def secret() -> str:
    """A new one."""
    return f"SECRET-{secrets.token_hex(16)}"
