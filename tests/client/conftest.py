"""Fixtures: a fake coordinator, a small data folder, and the client's `main` as a function."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from client.cli import main
from tests.client.fake import Serving, serving


class Ended(NamedTuple):
    status: int
    out: str
    err: str


RunClient = Callable[..., Ended]


@pytest.fixture
def coordinator(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "blobs") as served:
        yield served


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with two shards and a validation file."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("train_toy1.txt", "train_toy2.txt", "validate_toy.txt"):
        (folder / name).write_text(f"1,2,0\n3,{len(name)},1\n")
    (folder / "train_toy2.txt").write_text("5,6,1\n7,8,0\n")
    return folder


@pytest.fixture
def run_client(capsys: pytest.CaptureFixture[str]) -> Iterator[RunClient]:
    """Run the client in this process; what it does to the process's log and signals is undone."""
    handlers, level = logging.root.handlers[:], logging.root.level
    sigterm = signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> Ended:
        try:
            status = main([str(each) for each in arguments])
        except SystemExit as end:  # argparse ends the program itself
            status = int(str(end.code))
        return Ended(status, *capsys.readouterr())

    yield run
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    signal.signal(signal.SIGTERM, sigterm)
