"""Where a node's pip takes wheels from, and the commands that make an environment of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pip

PIP = Path(pip.__file__).resolve().parent  # runs by any Python, as it stands; where jobs see it, links or none
_OF_THE_NODE = ("PIP_INDEX_URL", "PIP_CERT", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_OF_THE_NODE_ALSO = tuple(name.lower() for name in _OF_THE_NODE[3:])  # as curl and requests spell them


@dataclass(frozen=True, slots=True)
class PackageSource:
    """One index or one folder.

    Attributes:
        options: of pip.
        variables: what pip's environment has of the node's; an index's address is here, since it may hold a password
            and every user of a machine can read the arguments of a program.
        folder: to be readable where pip runs.
    """

    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


def index_source(environ: Mapping[str, str], index_url: str = "") -> PackageSource:
    """The index that the node's operator names, or that of the node's environment, or pip's own."""
    kept = {name: environ[name] for name in (*_OF_THE_NODE, *_OF_THE_NODE_ALSO) if environ.get(name)}
    return PackageSource(variables={**kept, "PIP_INDEX_URL": index_url} if index_url else kept)


def folder_source(folder: Path) -> PackageSource:
    """The wheels in a folder; no network is used."""
    return PackageSource(("--no-index", "--find-links", str(folder)), folder=folder)


def variables_of_a_build(source: PackageSource, scratch: Path) -> dict[str, str]:
    """The whole environment of the commands: nothing of the node's but what leads to the index."""
    return {
        **source.variables,
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PIP_CONFIG_FILE": os.devnull,  # which makes pip read no settings, of the user or of the machine
        "PIP_ROOT_USER_ACTION": "ignore",
    }


def command_of_an_environment(environment: Path, python: str) -> list[str]:
    """Makes an empty environment; without pip of its own, which would take four seconds and 26 MB of each."""
    return [python, "-I", "-m", "venv", "--without-pip", str(environment)]


def command_of_an_installation(environment: Path, requirements: Path, source: PackageSource) -> list[str]:
    """Installs wheels, by the node's pip and the environment's Python: a source package would run its code."""
    install = [str(python_of(environment)), "-I", str(PIP), "install"]
    plain = ["--only-binary", ":all:", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
    return [*install, *plain, "--progress-bar", "off", *source.options, "--requirement", str(requirements)]


def python_of(environment: Path) -> Path:
    return environment / "bin" / "python"
