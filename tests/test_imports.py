"""Imports point one way, and the coordinator's core touches nothing outside itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).parents[1]
PROGRAMS = ("client", "compute_node", "coordinator")
MAY_IMPORT = {
    "mlcore": {"mlcore"},
    "rpc": {"rpc", "mlcore"},
    **{program: {program, "rpc", "mlcore"} for program in PROGRAMS},
    "web": {"web", "client", "rpc", "mlcore"},
    "roundhouse": {"roundhouse", "rpc", "mlcore", "web", *PROGRAMS},
}
OURS = {*MAY_IMPORT, "trainer_idl"}

# Whatever reads a clock, draws at random, waits, or speaks to the world. A `Random` comes from outside.
IMPURE = {
    *("asyncio", "concurrent", "datetime", "io", "logging", "multiprocessing", "os", "pathlib", "queue"),
    *("random", "secrets", "select", "selectors", "shutil", "signal", "socket", "sqlalchemy", "sqlite3"),
    *("subprocess", "sys", "tempfile", "threading", "thrift", "time", "trainer_idl", "uuid"),
}
CORE_MAY_IMPORT = {"mlcore", "rpc.messages", "rpc.errors", "coordinator.core"}


class Import(NamedTuple):
    """One imported module, or one name of it, and whether the file cannot be imported without it."""

    file: Path
    line: int
    name: str
    at_once: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(CHECKOUT)}:{self.line} imports {self.name}"

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


def sources(package: str) -> list[Path]:
    return sorted((CHECKOUT / package).rglob("*.py"))


def imports_of(file: Path) -> Iterator[Import]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    at_once = set(map(id, tree.body))
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                for alias in names:
                    yield Import(file, node.lineno, alias.name, id(node) in at_once)
            case ast.ImportFrom(module, names, level):
                assert level == 0 and module, f"{file}:{node.lineno}: a relative import"
                for alias in names:
                    yield Import(file, node.lineno, f"{module}.{alias.name}", id(node) in at_once)


def all_imports(package: str) -> list[Import]:
    return [each for file in sources(package) for each in imports_of(file)]


def starts_with(name: str, prefixes: set[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_import_one_way_only(package: str) -> None:
    wrong = [each for each in all_imports(package) if each.top in OURS - MAY_IMPORT[package]]
    assert [str(each) for each in wrong if each.file != CHECKOUT / "rpc" / "generated.py"] == []


def test_every_package_is_checked() -> None:
    folders = {path.parent.name for path in CHECKOUT.glob("*/__init__.py")} - {"tests", "bench"}
    assert folders == set(MAY_IMPORT)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_thrift_stops_at_the_wire(package: str) -> None:
    wrong = [each for each in all_imports(package) if each.top in ("thrift", "trainer_idl")]
    assert [str(each) for each in wrong if package != "rpc"] == []


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_sql_stops_at_the_store(package: str) -> None:
    sql = [each for each in all_imports(package) if each.top in ("alembic", "psycopg", "sqlalchemy", "sqlite3")]
    store = CHECKOUT / "coordinator" / "store"
    assert [str(each) for each in sql if store not in each.file.parents] == []


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_accelerators_are_imported_in_the_kernels_only(package: str) -> None:
    fast = [each for each in all_imports(package) if each.top in ("cupy", "numba", "threadpoolctl")]
    kernels = CHECKOUT / "mlcore" / "kernels"
    assert [str(each) for each in fast if kernels not in each.file.parents] == []


def test_training_can_be_imported_without_loading_an_accelerator() -> None:
    script = "import sys, mlcore.training, mlcore.metrics; print({'numba', 'cupy'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"


def test_the_command_line_of_the_client_loads_rich_only_to_draw() -> None:
    script = "import sys, client.cli; print({'rich'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"


def test_the_core_imports_only_messages_errors_and_numbers() -> None:
    ours = [each for each in all_imports("coordinator/core") if each.top in OURS]
    assert [str(each) for each in ours if not starts_with(each.name, CORE_MAY_IMPORT)] == []


def test_the_core_imports_nothing_impure() -> None:
    wrong = [each for each in all_imports("coordinator/core") if each.top in IMPURE]
    assert [str(each) for each in wrong if each.name != "random.Random"] == []


def test_the_core_opens_no_file_prints_nothing_and_draws_only_what_it_is_given() -> None:
    wrong = []
    for file in sources("coordinator/core"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name("open" | "print" | "input" | "Random" | "eval" | "exec" as name)):
                    wrong.append(f"{file.name}:{node.lineno} calls {name}")
                case ast.Attribute(value=ast.Name("np" | "numpy"), attr="random"):
                    wrong.append(f"{file.name}:{node.lineno} uses numpy's random numbers")
    assert wrong == []


@pytest.mark.parametrize("program", PROGRAMS)
def test_only_command_lines_set_up_the_log(program: str) -> None:
    named = ("logging.basicConfig", "rpc.program.set_up_logging")
    wrong = [each for each in all_imports(program) if each.name in named]
    assert [str(each) for each in wrong if each.file.name != "cli.py"] == []
