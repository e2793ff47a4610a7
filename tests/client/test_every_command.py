"""Every command: `--json` is JSON, the exit code is that of the manual, and nobody's name forges a line."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from rpc.errors import ExitCode
from rpc.kept_log import Record
from rpc.messages import PROTOCOL_VERSION, AuditRow, EventRow, NodeRow, Schedule, Webhook
from tests.client.conftest import RunClient
from tests.client.every_command import COMMANDS, EXAMINERS, NODE, SCHEDULE, WEBHOOK, goes_on, line_of, names_something
from tests.client.fake import RUN_ID, RUNNING, TOKEN, Serving
from tests.client.fake_jobs import SCRIPT_SPEC
from tests.client.test_status import OVERVIEW

ROOT = Path(__file__).parents[2]
EVENTS = (EventRow(1, 0, "node up", node=NODE), EventRow(2, 0, "failed", RUN_ID, NODE, 3, 1, "no answer in 3 s"))

T = TypeVar("T")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command writes is written where nobody minds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def coordinator(coordinator: Serving) -> Serving:
    """One that has something to tell, whatever is asked."""
    fake = coordinator.fake
    fake.nodes, fake.events = OVERVIEW, EVENTS
    fake.webhooks = (Webhook(WEBHOOK, "http://127.0.0.1:8080/told", ("completed",), made_ms=1, fault="refused"),)
    fake.schedules = (Schedule(SCHEDULE, SCRIPT_SPEC, "@daily", "UTC", last_ms=1, last_job="job-1", fault="refused"),)
    fake.tokens = (TOKEN, replace(TOKEN, role="node", node=NODE, expires_ms=1), replace(TOKEN, revoked_ms=5))
    fake.audit = (AuditRow(1, 1, TOKEN.id, "ann", "submitter", "10.0.0.7:4711", "cancel_work", RUN_ID, "forbidden"),)
    fake.node_rows = (NodeRow(NODE, "edge1", "ready", 1, 1, 12, 3, 0, 4.25, "cpu", labels={"os": "linux"}),)
    return coordinator


def read_json(text: str) -> Any:
    return json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize("name", COMMANDS)
def test_json_is_one_document(name: str, coordinator: Serving, data: Path, run_client: RunClient) -> None:
    ended = run_client(*line_of(name, coordinator.address, data), "--json")
    assert ended.status == ExitCode.DONE, ended.err
    assert isinstance(read_json(ended.out), dict | list)


@pytest.mark.parametrize("name", [name for name in COMMANDS if goes_on(name)])
def test_json_of_what_goes_on_is_an_object_a_line(name: str, coordinator: Serving) -> None:
    command = [sys.executable, str(ROOT / "client.py"), *(goes_on(name) or ()), "--json"]
    with subprocess.Popen(
        [*command, "--server", coordinator.address], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert isinstance(read_json(process.stdout.readline()), dict)
        assert isinstance(read_json(process.stdout.readline()), dict)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == ExitCode.INTERRUPTED


def status_of(run_client: RunClient, *words: str) -> int:
    """The exit status of what says in one line on stderr why it did nothing."""
    ended = run_client(*words)
    assert ended.out == "" and ended.err.count("\n") == 1 and ended.err.startswith("client"), ended
    return ended.status


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in EXAMINERS])
def test_the_exit_code_says_how_it_ended(
    name: str, options: tuple[str, ...], coordinator: Serving, data: Path, run_client: RunClient
) -> None:
    words = [*line_of(name, coordinator.address, data), *options]
    assert run_client(*words).status == ExitCode.DONE
    assert status_of(run_client, *words, "--no-such-option") == ExitCode.USAGE
    assert status_of(run_client, *line_of(name, "127.0.0.1:1", data), *options) == ExitCode.UNREACHABLE
    if names_something(name):
        unknown = line_of(name, coordinator.address, data, named="nobody")
        assert status_of(run_client, *unknown, *options) == ExitCode.FAILED
    coordinator.fake.protocol = PROTOCOL_VERSION + 1
    assert status_of(run_client, *words) == ExitCode.REFUSED


@pytest.mark.parametrize("name", COMMANDS)
def test_an_interrupt_ends_it(name: str, coordinator: Serving, data: Path, run_client: RunClient) -> None:
    coordinator.fake.greeted = lambda: os.kill(os.getpid(), signal.SIGINT)
    ended = run_client(*line_of(name, coordinator.address, data))
    assert (ended.status, ended.out) == (ExitCode.INTERRUPTED, "")


# What must stay as it is for the command to do its work at all.
_NEEDED = {"state", "dtype", "model", "model_sha256", "activation", "blob", "version"}
_HOSTILE = "x\nclient: \x1b[2J\x1b[31mrun-9: completed\r\x1b]0;title\x07\u202e\u2028\x85"


def with_text(value: T, text: str) -> T:
    """The value with this at the beginning of every text in it."""
    changed: Any = value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        new = {name: with_text(each, text) for name, each in fields.items() if name not in _NEEDED}
        changed = replace(value, **new)
    elif isinstance(value, str):
        changed = text + value
    elif isinstance(value, tuple):
        changed = tuple(with_text(each, text) for each in value)
    elif isinstance(value, Mapping):
        changed = {with_text(name, text): with_text(each, text) for name, each in value.items()}
    result: T = changed
    return result


def say_everywhere(coordinator: Serving, text: str) -> None:
    """Have this at the beginning of all that the coordinator says of its own."""
    fake = coordinator.fake
    for name in ("row", "detail", "nodes", "node_rows", "events", "reason_why", "job_row", "job", "metrics"):
        setattr(fake, name, with_text(getattr(fake, name), text))
    fake.spec = replace(fake.spec, name=text, owner=text)  # all else of it is checked by whoever submits it again
    fake.key = RUN_ID  # by which it is still found
    fake.log = b"".join(Record(0, "oes"[n % 3], "i", f"{text}{n}").encoded() for n in range(3))
    rows = [replace(row, events=with_text(row.events, text)) for row in fake.story]
    odd = EventRow(9, 0, "failed", RUN_ID, text, 1, 0, text)
    fake.story = [replace(news, events=(*news.events, odd)) for news in rows]
    for each in fake.node_rows:
        fake.node_rows = (replace(each, name=NODE),)  # by which it is still found


@pytest.mark.parametrize("name", COMMANDS)
def test_nobodys_name_or_message_forges_a_line(
    name: str, coordinator: Serving, data: Path, run_client: RunClient
) -> None:
    words = line_of(name, coordinator.address, data)
    texts = {"x": "", _HOSTILE: ""}
    before = {field: getattr(coordinator.fake, field) for field in vars(coordinator.fake)}
    for text in texts:
        vars(coordinator.fake).update(before)
        say_everywhere(coordinator, text)
        ended = run_client(*words)
        assert ended.status == (ExitCode.FAILED if name == "doctor" else ExitCode.DONE), ended.err  # the store's fault
        texts[text] = ended.out + ended.err
    harmless, hostile = texts.values()
    assert all(line.isprintable() for line in hostile.split("\n"))
    assert hostile.count("\n") == harmless.count("\n")


def test_an_error_of_the_coordinator_forges_no_line(coordinator: Serving, run_client: RunClient) -> None:
    coordinator.fake.row = replace(RUNNING, state="failed", reason=_HOSTILE)
    coordinator.fake.story = [replace(coordinator.fake.story[-1], row=coordinator.fake.row)]
    ended = run_client("watch", RUN_ID, "--quiet", "--server", coordinator.address)
    assert (ended.status, ended.err.count("\n")) == (ExitCode.FAILED, 1) and ended.err[:-1].isprintable()
