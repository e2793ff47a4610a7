"""Webhooks before a real coordinator: signed, told again until taken, nothing lost over restarts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from client.link import Link
from roundhouse import connect
from rpc.errors import BadRequest
from rpc.messages import Webhook
from tests.system.cluster import LETTERS, Cluster, wait_until


@dataclass
class Hearer:
    """An HTTP server that answers with these statuses, and then with 204."""

    statuses: list[int] = field(default_factory=list)
    heard: list[tuple[dict[str, str], bytes, int]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/told"

    def taken(self, secret: str) -> list[dict[str, object]]:
        """What was taken, verified."""
        return [Verifier(secret).verify(body, headers) for headers, body, status in self.heard if status == 204]


@contextmanager
def hearing(*statuses: int, port: int = 0) -> Iterator[Hearer]:
    hearer = Hearer(list(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = hearer.statuses.pop(0) if hearer.statuses else 204
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(status)
            self.end_headers()
            hearer.heard.append((headers, body, status))

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        hearer.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hearer
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    kept = ("--data-dir", str(tmp_path / "data"), "--http-port", "0")
    with Cluster(tmp_path, nodes=1, coordinator_arguments=kept) as cluster:
        yield cluster


def call(cluster: Cluster, name: str, *args: object) -> object:
    link = Link("127.0.0.1", cluster.coordinator.port, timeout_s=10)
    try:
        return link.call(name, *args)
    finally:
        link.close()


def added(cluster: Cluster, url: str, *states: str) -> Webhook:
    made = call(cluster, "add_webhook", url, states, "", "")
    assert isinstance(made, Webhook) and made.secret.startswith("whsec_")
    return made


def trained(cluster: Cluster) -> str:
    with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
        run = session.submit(LETTERS, rounds=1, epochs=1, hidden=4, eta=0.0001)
        run.wait(timeout_s=30)
        return run.id


def test_an_end_is_told_signed_and_again_until_it_is_taken(cluster: Cluster) -> None:
    with hearing(500, 302) as hearer:
        made = added(cluster, hearer.url, "completed", "failed")
        run = trained(cluster)
        wait_until(lambda: len(hearer.heard) == 3, "it is told and taken")
        (told,) = hearer.taken(made.secret)
    data = told["data"]
    assert told["type"] == "work.completed" and isinstance(data, dict)
    assert (data["id"], data["state"], data["work"]["rounds"]) == (run, "completed", 1)
    assert len({headers["webhook-id"] for headers, _, _ in hearer.heard}) == 1


def test_what_ends_while_nobody_hears_is_told_in_order_after_restarts(cluster: Cluster) -> None:
    with hearing() as hearer:
        made = added(cluster, hearer.url, "completed")
    runs = [trained(cluster)]
    wait_until(lambda: "is not to be reached" in known(cluster).fault, "the fault is told")
    cluster.restart_coordinator()
    assert (known(cluster).url, known(cluster).secret) == (hearer.url, "")
    runs.append(trained(cluster))
    with hearing(port=hearer.port) as again:
        wait_until(lambda: len(again.heard) == 2, "both are told")
        told = again.taken(made.secret)
    assert [each["data"]["id"] for each in told] == runs  # type: ignore[index]
    wait_until(lambda: known(cluster).fault == "", "it is well again")
    call(cluster, "remove_webhook", made.id)
    assert call(cluster, "list_webhooks", True) == ()


def test_the_same_key_makes_one_webhook_also_over_a_restart(cluster: Cluster) -> None:
    asked = ("http://127.0.0.1:1/", (), "")
    made = call(cluster, "add_webhook", *asked, "monday")
    assert call(cluster, "add_webhook", *asked, "monday") == made
    cluster.restart_coordinator()
    assert call(cluster, "add_webhook", *asked, "monday") == made
    assert call(cluster, "add_webhook", *asked, "tuesday") != made
    assert len(listed(cluster)) == 2


@contextmanager
def dripping() -> Iterator[str]:
    """The URL of a server that begins to answer, and goes on with a byte a moment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection, suppress(ConnectionError):
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not left.wait(0.1):
                    connection.sendall(b"a")

        left = threading.Event()
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            left.set()
            thread.join()


def test_who_cannot_be_told_is_said_to_be_so_and_holds_up_nobody(cluster: Cluster) -> None:
    with dripping() as drips, hearing() as hearer:
        for url in ("http://xn--a/", "http://a..b/", drips, hearer.url):
            added(cluster, url, "completed")
        trained(cluster)
        wait_until(lambda: len(hearer.heard) == 1, "the one that listens is told")
        wait_until(lambda: [bool(each.fault) for each in listed(cluster)] == [True] * 3 + [False], "faults are told")
    assert all(f"{each.url} is not to be reached: " in each.fault for each in listed(cluster)[:3])


def listed(cluster: Cluster) -> tuple[Webhook, ...]:
    found = call(cluster, "list_webhooks", False)
    assert isinstance(found, tuple)
    return found


def known(cluster: Cluster) -> Webhook:
    """The only one."""
    (only,) = listed(cluster)
    return only


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ftp://127.0.0.1/", (), ""), "is no URL that can be told"),
        (("http://", (), ""), "is no URL that can be told"),
        (("http://a b/", (), ""), "is no URL that can be told"),
        (("http://a/", ("ended",), ""), "is told of running, completed, failed, cancelled, not of 'ended'"),
        (("http://a/", (), "whsec_short"), "a secret is whsec_ and 24 to 64 bytes in base64"),
    ],
)
def test_what_is_no_webhook_is_refused(cluster: Cluster, arguments: tuple[object, ...], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        call(cluster, "add_webhook", *arguments, "")
