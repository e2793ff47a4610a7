"""Tests of the Unix socket beside a port: who may use it, and that it serves what the port serves."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from queue import Queue

import pytest

from rpc import local_socket
from rpc.channel import Channel
from rpc.errors import TrainerError, Unreachable
from rpc.local_socket import listen_beside, may_use
from rpc.messages import PROTOCOL_VERSION, Hello, HelloReply
from rpc.services import COMPUTE_NODE
from tests.rpc.conftest import Serve
from tests.rpc.running import PATIENCE_S, RunningLoop

HELLO = Hello(PROTOCOL_VERSION, "coordinator", connection="slot")


def test_a_socket_may_be_used_by_its_user_for_its_port_in_a_private_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = str(tmp_path / "9091.socket")
    assert not may_use(path, 9091)  # not there yet
    listener = listen_beside(9091, tmp_path)
    assert listener is not None
    with listener:
        assert may_use(path, 9091)
        assert not may_use(path, 9092)
        tmp_path.chmod(0o710)
        assert not may_use(path, 9091)


@pytest.mark.parametrize("path", ["", "9091.socket", "/9091.socket", "/nul\0/9091.socket", "/etc/passwd"])
def test_what_is_no_such_socket_is_not_used(path: str) -> None:
    assert not may_use(path, 9091)


def test_a_roundabout_path_is_not_used(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    listener = listen_beside(9091, tmp_path)
    assert listener is not None
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with listener:
        for folder in (f"{tmp_path}/.", f"{tmp_path}/", f"{tmp_path}/../{tmp_path.name}", f"{link}", f"{link}/."):
            assert not may_use(f"{folder}/9091.socket", 9091)


def test_a_plain_file_or_a_link_is_not_used(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "9091.socket"
    path.write_text("")
    assert not may_use(str(path), 9091)
    listener = listen_beside(1, tmp_path)
    assert listener is not None
    with listener:
        path.unlink()
        path.symlink_to(tmp_path / "1.socket")
        assert not may_use(str(path), 9091)


def test_where_no_unix_socket_can_be_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    assert listen_beside(9091, deep) is None
    monkeypatch.setattr(local_socket, "HAS_UNIX_SOCKETS", False)
    assert listen_beside(9091, tmp_path) is None
    assert not may_use(str(tmp_path / "9091.socket"), 9091)


class LocalChannel:
    """A channel to a Unix socket, with its events in queues."""

    def __init__(self, running: RunningLoop, address: tuple[str, int], path: str) -> None:
        self.ups: Queue[HelloReply] = Queue()
        self.downs: Queue[TrainerError] = Queue()
        self.channel = running.do(
            lambda: Channel(
                running.loop,
                address,
                COMPUTE_NODE,
                hello=HELLO,
                on_up=self.ups.put,
                on_down=self.downs.put,
                local_socket=path,
            )
        )


def test_a_server_answers_by_its_unix_socket_until_it_is_closed(
    serve: Serve, running_loop: RunningLoop, tmp_path: Path
) -> None:
    server = serve(local_folder=tmp_path)
    path = server.server.local_socket
    local = LocalChannel(running_loop, server.address, path)
    assert local.ups.get(timeout=PATIENCE_S).name == "n1"
    data, sizes = os.urandom(3 << 20), Queue[int]()
    running_loop.do(
        lambda: local.channel.call(
            "put_blob", "b", len(data), 0, data, timeout_s=10, on_reply=lambda state: sizes.put(state.have)
        )
    )
    assert sizes.get(timeout=PATIENCE_S) == len(data)
    server.close()
    assert isinstance(local.downs.get(timeout=PATIENCE_S), Unreachable)
    assert isinstance(LocalChannel(running_loop, server.address, path).downs.get(timeout=PATIENCE_S), Unreachable)


def test_a_full_queue_of_a_unix_socket_is_an_error_at_once(running_loop: RunningLoop, tmp_path: Path) -> None:
    path = str(tmp_path / "full")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        down = LocalChannel(running_loop, ("127.0.0.1", 1), path).downs.get(timeout=PATIENCE_S)
        assert isinstance(down, Unreachable) and "is not reachable" in str(down)
