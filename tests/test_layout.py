"""What every source file has in common, and that the packaging knows them all."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = ("client", "compute_node", "coordinator", "mlcore", "roundhouse", "rpc", "web")
MOST_LINES = 300
VAGUE = {"utils", "helpers", "common", "manager", "misc"}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (CHECKOUT / folder).rglob("*.py"))


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(CHECKOUT)) for path in paths]


def test_every_file_starts_with_its_subject() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources(*PACKAGES, "bench", "tests")}
    assert names([path for path, tree in trees.items() if not ast.get_docstring(tree)]) == []


def test_no_file_has_a_vague_name_or_more_than_one_subject() -> None:
    ours = sources(*PACKAGES, "bench")
    assert names([path for path in ours if path.stem in VAGUE]) == []
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in ours}
    assert names([path for path, length in lengths.items() if length > MOST_LINES]) == []


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {path.parent for path in (CHECKOUT / "tests").rglob("*.py")}
    assert names([folder for folder in folders if not (folder / "__init__.py").exists()]) == []


def test_the_wheel_holds_every_package() -> None:
    ours = names([path.parent for path in sources(*PACKAGES) if path.name == "__init__.py"])
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    assert listed == {name.replace("/", ".") for name in ours} | {"roundhouse.letters", "trainer_idl"}


def test_every_dependency_has_its_version_in_the_constraints() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    asked = [*PROJECT["project"]["dependencies"], *(each for name in extras for each in extras[name] if name != "cuda")]
    lines = (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {bare(line) for line in lines if "==" in line}
    assert {bare(each) for each in asked} - pinned == set()


def bare(requirement: str) -> str:
    """The name in a requirement, written as package registries compare names."""
    return re.split(r"[\[<>=]", requirement)[0].strip().lower().replace("_", "-")
