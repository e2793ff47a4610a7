"""Progress that changes in place: what a person sees on a terminal."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console, RenderableType

from client.live_report import LiveReport, run_view, sending_view
from rpc.messages import Activity, News
from tests.client.fake import Serving, event
from tests.client.test_report import TRAINING

CLIENT = Path(__file__).parents[2] / "client.py"


def drawn(view: RenderableType) -> list[str]:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(view)
    return captured.get().splitlines()


def test_the_view_of_a_run_fits_80_columns() -> None:
    nodes = tuple(Activity(f"192.168.100.12{n}:9091", "r7", "train", 2, n, 1 + n) for n in range(3))
    lines = drawn(run_view(News(TRAINING, activities=nodes), elapsed_s=63))
    assert max(map(len, lines)) <= 80
    for part in ("round 2 of 3", "14 of 30 tasks", "error 0.6412", "1:03"):
        assert part in lines[0]
    assert lines[1].split() == ["192.168.100.120:9091", "train", "shard", "1"]
    assert lines[3].split() == ["192.168.100.122:9091", "train", "shard", "3,", "attempt", "3"]


def test_the_view_says_what_the_run_waits_for() -> None:
    waiting = replace(TRAINING, waiting_for="a node")
    assert drawn(run_view(News(waiting), elapsed_s=0))[-1].strip() == "waiting for a node"


def test_of_many_nodes_only_the_first_are_listed() -> None:
    nodes = tuple(Activity(f"10.0.0.{n}:9091", "r7", "train", 2, n, 1) for n in range(100, 160))
    lines = drawn(run_view(News(TRAINING, activities=nodes), elapsed_s=0))
    assert len(lines) == 14
    assert lines[-1].strip() == "and 48 more"


def test_sending_data_shows_how_much_is_there() -> None:
    assert "1.0 of 2.5 MB" in drawn(sending_view(1_000_000, 2_500_000))[0]


def test_data_whose_size_is_not_known_yet_is_on_its_way_too() -> None:
    assert drawn(sending_view(0, 0)) == ["sending data"]


def test_on_a_terminal_the_progress_is_live_and_leaves_only_the_rounds(coordinator: Serving, data: Path) -> None:
    main_end, terminal = pty.openpty()
    arguments = ("127.0.0.1", coordinator.port, data, 2, 3, 4, 0.5)
    command = [sys.executable, str(CLIENT), *map(str, arguments)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, env=environment) as client:
        os.close(terminal)
        shown = read_all(main_end)
        assert client.wait(60) == 0
    assert "\x1b[?25l" in shown and shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back
    assert "round 1 of 2: validation error 0.1000" in shown
    assert "of 4 tasks" in shown


def read_all(terminal: int) -> str:
    """What was written to a terminal until its last writer ended."""
    data = b""
    with open(terminal, "rb", buffering=0) as stream:
        try:
            while part := stream.read(4096):
                data += part
        except OSError:  # how Linux tells that the other end is closed
            pass
    return data.decode()


def test_the_live_report_shows_what_was_said_last() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    with LiveReport(console) as report:
        report.on_sent(1, 2)
        report.on_news(News(TRAINING, (event(1, "round done", "validation error 0.5", round_number=1),)))
        shown = console.file.getvalue()  # type: ignore[attr-defined]
    line = shown.index("round 1 of 3: validation error 0.5")
    assert "round 2 of 3" in shown[line:] and "sending data" not in shown[line:]
