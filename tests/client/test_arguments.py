"""The client's command line: what it takes, and how it refuses what makes no sense."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from client.arguments import parse, spec_from
from client.settings import Settings, make_spec
from rpc.errors import BadRequest
from rpc.messages import RunSpec
from tests.client.conftest import RunClient

CLASSIC = ("localhost", "9095", "letters", "3", "75", "24", "0.0001")


def spec_of(*options: str) -> RunSpec:
    return spec_from(parse([*CLASSIC, *options]))


def test_the_classic_seven_leave_every_setting_at_its_default() -> None:
    spec = spec_of()
    plain = RunSpec("letters", (), spec.validation, rounds=3, epochs=75, hidden=(24,), eta=0.0001)
    assert spec == plain


VERIFYING = ("verifies", "sample", "sample_seed")


def test_every_setting_of_a_run_has_an_option() -> None:
    options = (
        "--k 30 --hidden 512,256 --activation tanh --init xavier --optimizer adam --batch-size 64 "
        "--momentum 0.8 --weight-decay 0.1 --label-smoothing 0.2 --eta-schedule onecycle --standardize "
        "--server-optimizer nesterov --weighting uniform --dtype float64 --seed 7 --task-threads 2 "
        "--tolerance 0.3 --max-delta-norm 9 --mixed-classes --patience 4 --target-error 0.05 --max-time 60 "
        "--run-timeout 600 --max-node-losses 6 --max-attempts 8 "
        "--owner ann --priority 3 --min-nodes 2 --max-nodes 4 --select os=linux --select gpu=a100 --key monday "
        "--fraction 0.5 --min-shards 5 --round-deadline adaptive "
        "--server-eta 0.5 --aggregation trimmed --trim 2 --prox-mu 0.1 --keep-checkpoints 9 --no-speculation "
        "--force-queue"
    )
    spec = spec_of(*options.split())
    assert spec.hidden == (512, 256)
    plain = spec_of()
    given = {"name", "shards", "validation", "rounds", "epochs", "eta", "parent", "parent_round", *VERIFYING}
    unchanged = [
        field.name for field in dataclasses.fields(RunSpec) if getattr(spec, field.name) == getattr(plain, field.name)
    ]
    assert set(unchanged) == given
    assert spec.select == {"os": "linux", "gpu": "a100"}


def test_the_python_api_takes_every_setting_that_the_command_line_takes() -> None:
    fields = {field.name for field in dataclasses.fields(RunSpec)}
    assert fields - set(Settings.__annotations__) == {
        *("name", "shards", "validation", "rounds", "epochs", "hidden", "eta", "parent", "parent_round", *VERIFYING)
    }


def test_a_folder_names_its_run_even_as_a_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    args = parse(["localhost", "9095", ".", *CLASSIC[3:]])
    assert spec_from(args).name == tmp_path.name


def test_a_long_name_of_a_folder_is_cut(tmp_path: Path) -> None:
    assert make_spec(tmp_path / ("x" * 250), rounds=1, epochs=1, hidden=4, eta=0.1).name == "x" * 200


@pytest.mark.parametrize(
    ("hidden", "widths"), [(np.int64(4), (4,)), (np.array([4, 5]), (4, 5)), ([np.int32(4)], (4,)), ((), ())]
)
def test_hidden_takes_whole_numbers_of_any_make(tmp_path: Path, hidden: Any, widths: tuple[int, ...]) -> None:
    spec = make_spec(tmp_path, rounds=1, epochs=1, hidden=hidden, eta=0.1)
    assert spec.hidden == widths
    assert all(type(width) is int for width in spec.hidden)


@pytest.mark.parametrize("hidden", [4.0, "24", None, [4, 2.5]])
def test_hidden_refuses_what_is_no_whole_number(tmp_path: Path, hidden: Any) -> None:
    with pytest.raises(BadRequest, match="hidden must be a whole number or several, not"):
        make_spec(tmp_path, rounds=1, epochs=1, hidden=hidden, eta=0.1)


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (1, "x", "argument PORT: must be a port from 1 to 65535, not 'x'"),
        (1, "0", "argument PORT: must be a port from 1 to 65535, not '0'"),
        (3, "0", "rounds must be from 1 to 20,000, not 0"),
        (3, "3.5", "argument ROUNDS: invalid int value: '3.5'"),
        (4, "-1", "epochs must be from 1 to 1,000,000, not -1"),
        (5, "0", "h must be 1 or more, not 0"),
        (5, "10000001", "h (units of a hidden layer) must be from 1 to 10,000,000, not 10000001"),
        (6, "nan", "eta must be a finite number above 0, not nan"),
        (6, "-0.1", "eta must be a finite number above 0, not -0.1"),
        (6, "-1e-4", "eta must be a finite number above 0, not -0.0001"),
        (6, "-inf", "eta must be a finite number above 0, not -inf"),
        (1, "-1e3", "argument PORT: must be a port from 1 to 65535, not '-1e3'"),
        (6, "0", "eta must be a finite number above 0, not 0.0"),
        (6, "inf", "eta must be a finite number above 0, not inf"),
    ],
)
def test_a_senseless_argument_is_one_line_and_status_2(
    run_client: RunClient, place: int, value: str, reason: str
) -> None:
    arguments = [*CLASSIC]
    arguments[place] = value
    ended = run_client(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"client: {reason}")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--hidden", "512,x", "argument --hidden: '512,x' is not a list like 512,512"),
        ("--hidden", "512,0", "h (units of a hidden layer) must be from 1 to 10,000,000, not 0"),
        ("--hidden", ",".join("1" * 65), "hidden must name at most 64 layers, not 65"),
        ("--k", "-1", "k (classes; 0: as the labels say) must be from 0 to 1,000,000, not -1"),
        ("--optimizer", "lbfgs", "argument --optimizer: invalid choice: 'lbfgs'"),
        ("--batch-size", "8", "batch_size must be 0 for gd"),
        ("--label-smoothing", "1", "label_smoothing must be from 0 to below 1, not 1.0"),
        ("--seed", "-1", "seed must be from 0 to"),
        ("--task-threads", "0", "threads must be from 1 to 1,024, not 0"),
        ("--target-error", "nan", "target_error must be from 0 to 1, not nan"),
        ("--max-time", "-1e9", "max_time_s must be from 0 to 1,000,000,000 seconds, not -1000000000.0"),
        ("--max-time", "-1", "max_time_s must be from 0 to 1,000,000,000 seconds, not -1.0"),
        ("--run-timeout", "0", "run_timeout_s must be above 0 seconds"),
        ("--save", "model.pt", "model.pt: a model is kept as .safetensors, .npz or .onnx"),
        ("--timing", "nowhere/timing.txt", "nowhere/timing.txt: its folder does not exist"),
        ("--timing", ".", ".: is a folder; name a file in it"),
    ],
)
def test_a_senseless_option_is_one_line_and_status_2(
    run_client: RunClient, option: str, value: str, reason: str
) -> None:
    ended = run_client(*CLASSIC, option, value)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"client: {reason}")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("server", ["localhost", "localhost:", ":9095", "localhost:0", "localhost:99999", "a:b"])
def test_a_server_is_host_and_port(run_client: RunClient, server: str) -> None:
    ended = run_client("status", "--server", server)
    assert ended == (2, "", f"client: server {server!r} is not HOST:PORT; the default is localhost:9095\n")


def test_the_help_shows_both_forms(run_client: RunClient) -> None:
    ended = run_client("-h")
    assert ended.status == 0
    assert "client.py HOST PORT DIR ROUNDS EPOCHS H ETA [options]" in ended.out
    assert "client.py status [options]" in ended.out
    assert "client.py models predict RUN FILE [options]" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80


def test_the_help_of_a_first_word_lists_the_second_ones(run_client: RunClient) -> None:
    ended = run_client("models", "-h")
    assert ended.status == 0
    for second in ("list: Lists", "export: Writes", "predict: Prints"):
        assert f"\n{second} " in ended.out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("models",), "client models: the following arguments are required: COMMAND"),
        (("runs", "paint"), "client runs: argument COMMAND: invalid choice: 'paint' (choose from "),
        (("runs", "--", "list"), "client runs: the command follows at once, as in `client.py runs COMMAND [options]`"),
        (("--server", "a:1", "status"), "client: options follow the command, as in `client.py status --server HOST"),
        (("--server=a:1", "runs", "list"), "client: options follow the command, as in `client.py status --server "),
        (("status", "--serv", "a:1"), "client status: unrecognized arguments: --serv a:1"),
        (("models", "export"), "client models export: the following arguments are required: RUN"),
        (("models", "export", "r1", "--format", "pt"), "client models export: argument --format: invalid choice: 'pt'"),
    ],
)
def test_a_subcommand_that_lacks_something_is_one_line_and_status_2(
    run_client: RunClient, words: tuple[str, ...], reason: str
) -> None:
    ended = run_client(*words)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(reason)
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--version"], ["status", "--version"], ["models", "list", "--version"]])
def test_the_version_is_told(run_client: RunClient, arguments: list[str]) -> None:
    ended = run_client(*arguments)
    assert (ended.status, ended.out.split()[0]) == (0, "roundhouse")
