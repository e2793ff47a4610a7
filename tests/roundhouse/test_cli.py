"""The `roundhouse` command."""

from __future__ import annotations

import pytest

from roundhouse.cli import main


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_without_a_program_it_lists_them(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    out = capsys.readouterr().out
    for program in ("demo", "node", "coordinator", "client"):
        assert f"roundhouse {program} " in out


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("roundhouse ")


def test_an_unknown_program_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker"]) == 2
    message = "roundhouse: no program 'worker'; there are coordinator, node, client, web, demo (roundhouse -h)\n"
    assert capsys.readouterr().err == message


@pytest.mark.parametrize("program", ["coordinator", "node", "client", "demo"])
def test_every_program_answers_through_it(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([program, "--version"])
    assert capsys.readouterr().out.startswith("roundhouse ")
