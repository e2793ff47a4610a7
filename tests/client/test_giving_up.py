"""An interrupted client cancels its run within one deadline."""

from __future__ import annotations

import socket
import time

from client.giving_up import give_up
from client.link import Link
from tests.client.fake import RUN_ID, Serving


def link_to(port: int) -> Link:
    return Link("127.0.0.1", port, timeout_s=30.0)


def test_a_run_is_cancelled_and_the_coordinator_told_why(coordinator: Serving) -> None:
    assert give_up(RUN_ID, link_to(coordinator.port)) == f"{RUN_ID} is cancelled"
    assert coordinator.fake.cancelled == [(RUN_ID, "its client was interrupted")]


def test_who_does_not_answer_is_not_waited_for_beyond_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started_at = time.monotonic()
        line = give_up(RUN_ID, link_to(port), within_s=0.2)
        assert time.monotonic() - started_at < 2
    assert line.startswith(f"{RUN_ID} could not be cancelled: ")
    assert line.endswith(f"; it goes on; `client.py cancel {RUN_ID}` ends it")


def test_an_absent_coordinator_leaves_the_way_to_cancel_later() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        line = give_up(RUN_ID, link_to(unused.getsockname()[1]))
    assert f"{RUN_ID} could not be cancelled: nobody serves at" in line
    assert line.endswith(f"; it goes on; `client.py cancel {RUN_ID}` ends it")
