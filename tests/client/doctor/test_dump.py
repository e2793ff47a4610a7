"""A debug dump holds what helps, and none of the secrets that were planted around it."""

from __future__ import annotations

import base64
import json
import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from client.servers import KnownServer, remember
from rpc.errors import ExitCode
from rpc.messages import EventRow, GpuUse, NodeRow, Overview
from rpc.tokens import id_of, make_token
from tests.client.conftest import RunClient
from tests.client.fake import COMPLETED, RUNNING, Serving, serving

TOKEN, OTHER = make_token().text, make_token().text
PASSWORD = "p4ss/w0rd&more"
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIcanary\n-----END EC PRIVATE KEY-----"
CANARIES = {TOKEN, OTHER, PASSWORD, "MHcCAQEEIcanary", "whsec_Y2FuYXJ5Y2FuYXJ5", "canary-variable", "secret-job-name"}


@pytest.fixture
def coordinator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("ROUNDHOUSE_STORE", f"postgresql://me:{quote(PASSWORD, safe='')}@db/x")
    monkeypatch.setenv("ROUNDHOUSE_API_TOKEN", "canary-variable")
    monkeypatch.setenv("ROUNDHOUSE_TOKEN", TOKEN)
    with serving(tmp_path / "blobs") as served:
        fake = served.fake
        fake.wanted_token = TOKEN
        fake.row = replace(COMPLETED, name="secret-job-name", reason=f"could not log in as {OTHER}")
        message = (
            f"Authorization: Bearer {OTHER} {base64.b64encode(TOKEN.encode()).decode()} postgresql://a:{PASSWORD}@b"
        )
        fake.events = (EventRow(1, 5, "failed", "run-7", message=f"{message} {PEM} whsec_Y2FuYXJ5Y2FuYXJ5"),)
        fake.nodes = Overview("0.1.0", "random", 5.0, (NodeRow("a:1", "a", "ready", reason=f"token={OTHER}"),))
        remember(served.address, KnownServer(TOKEN))
        yield served


def texts_of(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name).decode() for name in packed.namelist()}


def forms_of(secret: str) -> set[str]:
    inner = base64.b64encode(secret.encode()).decode().rstrip("=")[:-1]
    return {secret, quote(secret, safe=""), inner, secret[::-1]}


def test_no_secret_is_in_a_dump(coordinator: Serving, run_client: RunClient, tmp_path: Path) -> None:
    log, out = tmp_path / f"{OTHER}.log", tmp_path / "dump.zip"
    log.write_text(f"x password={PASSWORD} {TOKEN}\n{PEM}\nthe last line\n")
    ended = run_client("debug-dump", "--server", coordinator.address, "--out", out, "--log", log)
    assert ended.status == ExitCode.DONE, ended.err
    texts = texts_of(out)
    for name, text in texts.items():
        for canary in CANARIES:
            for form in forms_of(canary):
                assert form not in text and form not in name, (name, canary)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert set(texts) >= {"README.txt", "findings.json", "program.json", "coordinator.json", "work.json", "events.json"}
    for name in texts:
        if name.endswith(".json"):
            json.loads(texts[name])
    assert json.loads(texts["program.json"])["packages"]["thrift"]
    assert json.loads(texts["work.json"])[0]["id"] == "run-7"
    assert "the last line" in next(text for name, text in texts.items() if name.startswith("logs/"))


def test_a_dump_is_written_where_nobody_answers_and_over_no_file(run_client: RunClient, tmp_path: Path) -> None:
    out = tmp_path / "dump.zip"
    assert run_client("debug-dump", "--server", "127.0.0.1:1", "--out", out).status == ExitCode.DONE
    assert "nobody serves at" in texts_of(out)["findings.json"]
    refused = run_client("debug-dump", "--server", "127.0.0.1:1", "--out", out)
    assert refused.status == ExitCode.USAGE and "File exists; choose another name" in refused.err


def test_the_doctor_ends_with_1_where_something_is_bad(coordinator: Serving, run_client: RunClient) -> None:
    ended = run_client("doctor", "--server", coordinator.address, "--json")
    found = json.loads(ended.out)
    assert ended.status == ExitCode.DONE, found
    assert TOKEN not in ended.out
    ended = run_client("doctor", "--server", "127.0.0.1:1")
    assert ended.status == ExitCode.FAILED and "1 to mend" in ended.out
    assert "-> start it there: python coordinator.py 1 load-balancing" in ended.out
    assert "not looked at: connection first" in ended.out.split("its nodes")[1]


def test_a_dump_tells_the_newest_the_queue_and_where_settings_come_from(
    coordinator: Serving, run_client: RunClient, tmp_path: Path
) -> None:
    node = NodeRow("a:1", "rack-3", "ready", gpus=(GpuUse("H100"),))
    coordinator.fake.nodes = replace(coordinator.fake.nodes, nodes=(node,))
    coordinator.fake.row = replace(RUNNING, name="secret-job-name")
    out = tmp_path / "dump.zip"
    assert run_client("debug-dump", "--server", coordinator.address, "-o", out).status == ExitCode.DONE
    texts = texts_of(out)
    assert coordinator.fake.queries[-1].newest
    assert [each["state"] for each in json.loads(texts["queue.json"])] == ["running"]
    kept = json.loads(texts["coordinator.json"])["nodes"][0]
    assert (kept["name"], kept["gpus"][0]["name"]) == ("rack-3", "H100")
    settings = {each["name"]: each for each in json.loads(texts["program.json"])["settings"]}
    assert settings["server"]["source"] == "by `login`"
    assert (settings["token"]["value"], settings["token"]["source"]) == (id_of(TOKEN), "of ROUNDHOUSE_TOKEN")
    assert (settings["TLS"]["value"], settings["TLS"]["source"]) == ("off", "the default")


@pytest.mark.parametrize("secret", [TOKEN, PEM], ids=["token", "key"])
def test_the_end_of_a_log_begins_in_the_middle_of_no_secret(secret: str, run_client: RunClient, tmp_path: Path) -> None:
    log, out = tmp_path / "a.log", tmp_path / "dump.zip"
    rest = "\n" + "x\n" * 2**19
    log.write_text(f"{secret}{rest}"[: len(secret) + 2**20 - len(secret) // 2])
    assert run_client("debug-dump", "--server", "127.0.0.1:1", "-o", out, "--log", log).status == ExitCode.DONE
    kept = texts_of(out)["logs/1-a.log"]
    assert kept.endswith("x\n") and secret[-8:] not in kept and len(kept) < 2**20


def test_logs_that_cannot_be_read_are_told_before_anything_is_examined(run_client: RunClient, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for log, said in ((tmp_path / "none", "no such file"), (tmp_path, "no such file"), (tmp_path / "pipe", "no such")):
        ended = run_client("debug-dump", "--server", "127.0.0.1:1", "-o", tmp_path / "a.zip", "--log", log)
        assert ended.status == ExitCode.USAGE and f"--log {log}: {said}" in ended.err
        assert not (tmp_path / "a.zip").exists()
    ended = run_client("debug-dump", "--server", "127.0.0.1:1", "-o", tmp_path / "no" / "a.zip")
    assert ended.status == ExitCode.USAGE and "No such file or directory" in ended.err
