"""The manual knows every flag, code, variable and target, and its links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import client.cli
import compute_node.cli
import coordinator.cli
import coordinator.store.failures
import roundhouse.demo
import web.cli
from client.subcommands import SUBCOMMANDS
from rpc import errors
from rpc.errors import ExitCode, FailureKind, TrainerError

CHECKOUT = Path(__file__).parents[1]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
MANUAL = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
PACKAGES = ("client", "compute_node", "coordinator", "mlcore", "roundhouse", "rpc", "web")
Main = Callable[[Sequence[str]], int]
HELPS: list[tuple[Main, list[str]]] = [
    (client.cli.main, ["-h"]),
    *((client.cli.main, [*name.split(), "-h"]) for name in SUBCOMMANDS),
    (coordinator.cli.main, ["-h"]),
    (compute_node.cli.main, ["-h"]),
    (roundhouse.demo.main, ["-h"]),
    (web.cli.main, ["-h"]),
]


def _flags(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


@pytest.mark.parametrize(("main", "arguments"), HELPS)
def test_every_flag_is_in_the_manual(main: Main, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(arguments)
    flags = _flags(capsys.readouterr().out) - {"--help"}
    assert {flag for flag in flags if not re.search(rf"`[^`]*{flag}\b(?!-)", MANUAL)} == set()


@pytest.mark.parametrize(("main", "arguments"), HELPS)
def test_every_help_names_the_exit_codes(main: Main, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(arguments)
    words = " ".join(capsys.readouterr().out.split())
    assert [code for code in ExitCode if not re.search(rf"exit status: .*\b{code.value} [a-z]", words)] == []


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_command_of_the_client_speaks_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        client.cli.main([*name.split(), "-h"])
    assert "--json" in capsys.readouterr().out


def test_every_failure_class_has_a_row() -> None:
    assert [kind.code for kind in FailureKind if f"\n| `{kind.code}` |" not in MANUAL] == []


def test_every_error_code_is_named() -> None:
    known = [*vars(errors).values(), *vars(coordinator.store.failures).values()]
    kinds = [each for each in known if isinstance(each, type) and issubclass(each, TrainerError)]
    assert [kind.code for kind in kinds if f"`{kind.code}`" not in MANUAL] == []


def test_every_exit_code_has_a_row() -> None:
    assert [code for code in ExitCode if f"\n| {code.value} |" not in MANUAL] == []


def test_every_environment_variable_is_named() -> None:
    files = [path for package in PACKAGES for path in (CHECKOUT / package).rglob("*.py")]
    names = {name for path in files for name in re.findall(r"\bROUNDHOUSE_[A-Z]+", path.read_text())}
    assert names
    assert {name for name in names if f"`{name}" not in MANUAL} == set()


def test_every_make_target_has_a_word_of_help() -> None:
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert targets
    assert [name for name in targets[1].split() if not re.search(rf"^{name}:.*## ", makefile, re.M)] == []


def test_what_earlier_systems_are_mapped_to_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    text = (CHECKOUT / "docs/coming-from.md").read_text(encoding="utf-8")
    flags = {"--reload"}  # of another program
    for main, arguments in HELPS:
        with pytest.raises(SystemExit, match="0"):
            main(arguments)
        flags |= _flags(capsys.readouterr().out)
    assert _flags(text) - flags == set()
    commands = re.findall(r"python client\.py ((?:[a-z]+ )?[a-z]+)", text)
    assert [each for each in commands if not {each, each.split()[0]} & set(SUBCOMMANDS)] == []


FILES = [
    *PAGES,
    *(CHECKOUT / name for name in ("CHANGELOG.md", "SECURITY.md", "letters/README.md")),
    *(CHECKOUT / name for name in ("examples/nodejs/README.md", "examples/jobs/README.md")),
]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CHECKOUT)))
def test_links_lead_somewhere(file: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", file.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not _leads_somewhere(file, link)] == []


def test_the_readme_is_read_in_a_quarter_of_an_hour() -> None:
    assert len(PAGES[0].read_text(encoding="utf-8").splitlines()) <= 250


def _leads_somewhere(file: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = file.parent / path if path else file
    return target.exists() and (not heading or heading in _headings(target))


def _headings(page: Path) -> set[str]:
    lines = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-") for line in lines}
