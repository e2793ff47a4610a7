"""Settings come from flags, variables, a file and defaults, in this order; old names still work."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compute_node import cli
from compute_node.scripts.acceptance import Accept
from compute_node.scripts.box import Volume
from compute_node.scripts.requirements import Policy
from compute_node.show_config import said
from rpc.errors import ExitCode
from rpc.tokens import make_token

ROOT = Path(__file__).parents[2]
OLD_KEYS = {
    "server_url": "http://gpu-box:5000",
    "token": "s3cret",
    "worker_name": "ann",
    "poll_interval": 10,
    "max_concurrent_jobs": 2,
    "auto_accept_jobs": False,
    "docker_enabled": True,
    "docker_image_tag": "python:3.9-slim",
    "max_memory_gb": 8,
    "max_cpu_percent": 80,
    "docker_volumes": ["/host/data:/container/data"],
    "docker_environment": ["CUDA_VISIBLE_DEVICES=0"],
}


def written(folder: Path, values: object) -> str:
    file = folder / "node.json"
    file.write_text(json.dumps(values))
    return str(file)


def test_a_flag_goes_before_a_variable_before_the_file_before_the_default(tmp_path: Path) -> None:
    file = written(tmp_path, {"slots": 2, "max_jobs": 2, "delay": 2, "label": ["a=b", "c=d"]})
    environ = {"ROUNDHOUSE_SLOTS": "3", "ROUNDHOUSE_MAX_JOBS": "3"}
    gathered = cli.settle(["0", "--slots", "4", "--config", file], environ)
    found = {name: tuple(gathered.settings[name]) for name in ("slots", "max_jobs", "delay", "label", "device")}
    assert found == {
        "slots": (4, "flag"),
        "max_jobs": (3, "ROUNDHOUSE_MAX_JOBS"),
        "delay": (2.0, file),
        "label": ([("a", "b"), ("c", "d")], file),
        "device": ("auto", "default"),
    }


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    assert cli.parse(["0"], {"ROUNDHOUSE_CONFIG": written(tmp_path, {"slots": 2})}).slots == 2


def test_an_empty_variable_says_nothing_and_an_empty_flag_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    found = cli.parse(["0"], {"ROUNDHOUSE_TLS_FINGERPRINT": "", "ROUNDHOUSE_TLS_CA": ""})
    assert (found.tls_ca, found.tls_fingerprint) == ("", "")
    with pytest.raises(SystemExit):
        cli.parse(["0", "--tls-fingerprint", ""], {})
    assert "must not be empty" in capsys.readouterr().err


def test_a_port_on_the_command_line_goes_before_a_coordinator_to_join_elsewhere(tmp_path: Path) -> None:
    file = written(tmp_path, {"port": 9091})
    assert cli.parse(["0"], {"ROUNDHOUSE_JOIN": "box:9095"}).join is None
    assert cli.parse([], {"ROUNDHOUSE_JOIN": "box:9095", "ROUNDHOUSE_CONFIG": file}).port is None
    assert cli.parse([], {"ROUNDHOUSE_CONFIG": file, "ROUNDHOUSE_PORT": "tcp://10.0.0.1:9095"}).port == 9091


def test_the_keys_of_older_systems_are_taken_and_remarked_on_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gathered = cli.settle(["--config", written(tmp_path, OLD_KEYS)], {})
    config = cli.config_from(gathered.values())
    assert (config.join, config.name, config.slots) == (("gpu-box", 9095), "ann", 2)
    scripts = config.scripts
    assert (scripts.accept, scripts.max_jobs, scripts.image) == (Accept.ASK, 2, "python:3.9-slim")
    assert (scripts.max_memory_bytes, scripts.max_cpu_share) == (8 * 10**9, 0.8)
    assert scripts.volumes == (Volume("/host/data", "/container/data"),)
    assert scripts.variables == {"CUDA_VISIBLE_DEVICES": "0"}
    with caplog.at_level(logging.WARNING):
        cli.tell(gathered)
    [line] = caplog.messages
    assert "worker_name is name now" in line
    assert "poll_interval changes nothing here" in line
    assert "token is not used, being none of our tokens" in line
    assert "s3cret" not in line


def test_the_variables_of_older_systems_are_taken() -> None:
    environ = {
        "DTRAIN_SERVER_URL": "http://localhost:5000",
        "DTRAIN_WORKER_TOKEN": "s3cret",
        "DTRAIN_WORKER_NAME": "ann",
        "DTRAIN_POLL_INTERVAL": "10",
        "DTRAIN_MAX_JOBS": "1",
        "DTRAIN_DEBUG": "true",
    }
    values = cli.parse([], environ)
    assert (values.join, values.name, values.max_jobs, values.log_level) == (("localhost", 9095), "ann", 1, "debug")
    assert cli.parse([], {**environ, "ROUNDHOUSE_NAME": "bob"}).name == "bob"


def test_docker_that_is_switched_off_by_its_old_key_is_not_used(tmp_path: Path) -> None:
    values = cli.parse(["0", "--config", written(tmp_path, {**OLD_KEYS, "docker_enabled": False})], {})
    assert (values.docker_url, values.docker_image) == ("", "")


@pytest.mark.parametrize("option", [["--docker-image", "x"], ["--build-images"]])
def test_what_needs_an_engine_is_refused_without_one(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--check"]):
        with pytest.raises(SystemExit) as ended:
            cli.settle(["0", "--docker-url", "", *option, *more], {})
        assert ended.value.code == ExitCode.USAGE
        assert f"{option[0]} needs a container engine, and --docker-url is empty" in capsys.readouterr().err


def test_show_config_prints_each_value_with_its_source_and_no_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["0", "--show-config", "--docker-env", "KEY=s3cret", "--package-index", "https://ann:s3cret@wheels/simple"]
    with pytest.raises(SystemExit) as ended:
        cli.settle([*argv, "--config", written(tmp_path, {"slots": 2})], {"ROUNDHOUSE_ALLOW_NETWORK": "yes"})
    assert ended.value.code == ExitCode.DONE
    out = capsys.readouterr().out
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert lines["slots"] == ["2", str(tmp_path / "node.json")]
    assert lines["allow_network"] == ["yes", "ROUNDHOUSE_ALLOW_NETWORK"]
    assert lines["docker_env"] == ["KEY=***", "flag"]
    assert lines["package_index"] == ["https://***@wheels/simple", "flag"]
    assert lines["requirements"] == ["allow", "default"]
    assert "s3cret" not in out


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"slotz": 2}, "there is no setting 'slotz'"),
        ({"slots": 0}, "slots: must be a number from 1 to 256"),
        ({"slots": True}, "slots: must be a text or a number"),
        ({"accept": "maybe"}, "accept: must be auto, ask, never"),
        ({"allow_network": "perhaps"}, "allow_network: must be true or false"),
        ({"max_cpu_percent": 120}, "max_cpu_percent: must be a percentage"),
        ({"docker_volume": "data:/data"}, "docker_volume: must be /ON/THE/NODE"),
        (["slots"], "must hold an object"),
    ],
)
def test_a_bad_value_in_the_file_is_a_wrong_usage_that_names_it(
    tmp_path: Path, values: object, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.parse(["0", "--config", written(tmp_path, values)], {})
    assert ended.value.code == ExitCode.USAGE
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_all_settings_of_script_jobs_reach_the_node(tmp_path: Path) -> None:
    argv = ["0", "--accept", "never", "--allow-weak-sandbox", "--allow-network", "--requirements", "pinned"]
    scripts = cli.config_from(cli.parse([*argv, "--package-index", str(tmp_path)], {})).scripts
    assert (scripts.accept, scripts.allow_weak, scripts.allow_network) == (Accept.NEVER, True, True)
    assert (scripts.policy, scripts.package_index) == (Policy.PINNED, str(tmp_path.resolve()))
    assert not scripts.is_on


def test_show_config_names_the_old_variable_or_key_that_has_set_a_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, {"worker_name": "ann"})
    with pytest.raises(SystemExit):
        cli.settle(["0", "--show-config", "--config", file], {"DTRAIN_MAX_JOBS": "3"})
    lines = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert lines["slots"] == lines["max_jobs"] == ["3", "DTRAIN_MAX_JOBS"]
    assert lines["name"] == ["ann", f"{file}:", "worker_name"]


def test_who_reads_but_the_first_settings_is_no_bug() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, "compute_node.py", "0", "--show-config"], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_token_of_ours_is_taken_by_its_old_name() -> None:
    token = make_token().text
    gathered = cli.settle(["--join", "h:1"], {"DTRAIN_WORKER_TOKEN": token})
    assert cli.config_from(gathered.values()).token == token
    assert token not in said(cli.OPTIONS, gathered.settings)
