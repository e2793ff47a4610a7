"""The settings of a compute node that are of script jobs: which it takes, and what they may have."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from compute_node.options import GB, Option, gigabytes, without_password
from compute_node.scripts.acceptance import Accept, Rule, read_rules
from compute_node.scripts.box import Volume
from compute_node.scripts.levels import Pull
from compute_node.scripts.requirements import Policy
from compute_node.scripts.settings import DOCKER_URL, ScriptSettings
from rpc.argument_types import checked, whole
from rpc.errors import BadRequest


def rules(file: str) -> tuple[Rule, ...]:
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise argparse.ArgumentTypeError(f"{file}: cannot be read: {reason}") from error
    return read_rules(text, file)


def percent(text: str) -> float:
    return checked(text, float, lambda value: 0.0 < value <= 100.0, "a percentage above 0, to 100")


def volume(text: str) -> Volume:
    """HOST:INSIDE, or with `:rw` behind it for one that jobs may write to."""
    words = text.split(":")
    if words[2:] not in ([], ["ro"], ["rw"]) or not all(os.path.isabs(path) for path in words[:2]) or len(words) < 2:
        raise argparse.ArgumentTypeError(f"must be /ON/THE/NODE:/IN/THE/CONTAINER[:ro|rw], not {text[:80]!r}")
    return Volume(os.path.normpath(words[0]), os.path.normpath(words[1]), words[2:] == ["rw"])


def variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals) or "\0" in text:
        raise argparse.ArgumentTypeError("must be NAME=VALUE")
    return name, value


def package_index(text: str) -> str:
    """A URL, or a folder of wheels."""
    if "://" in text or Path(text).is_dir():
        return text if "://" in text else str(Path(text).resolve())
    raise argparse.ArgumentTypeError(f"must be a URL or a folder of wheels, not {without_password(text)[:80]!r}")


SCRIPTS = (
    Option(
        "accept", "script jobs: take them, ask on this terminal, or take none (default: auto)", choices=(*Accept,),
        default="auto",
    ),
    Option(
        "accept_rules", "a file of rules such as `never network=full`; the first that fits a job goes before --accept",
        rules, default=None, metavar="FILE", shown=lambda found: f"{len(found)} rules",
    ),
    Option("max_jobs", "script jobs at the same time (default and 0: as many as slots)", whole, default=0, metavar="N"),
    Option(
        "max_memory_gb", "memory of all script jobs together (default: that of the machine)", gigabytes, default=0,
        metavar="GB", shown=lambda size: f"{size / GB:g}",
    ),
    Option(
        "max_cpu_percent", "of all cores, for all script jobs together (default: no limit)", percent, default=0.0,
        metavar="PERCENT",
    ),
    Option(
        "docker_image", "run script jobs in this image, unless they ask for another", default="", metavar="IMAGE"
    ),
    Option(
        "docker_pull", "fetch images that jobs name and are not here: none, those by digest, or all (default: never)",
        choices=(*Pull,), default="never",
    ),
    Option("build_images", "build the image that the Dockerfile of a bundle describes, and run it there",
           default=False, is_switch=True),
    Option("docker_url", f"the container engine; Podman's socket, too (default: {DOCKER_URL})", default=DOCKER_URL,
           metavar="URL", shown=without_password),
    Option(
        "docker_volume", "a folder of this machine that containers see; for reading alone, without :rw", volume,
        default=(), metavar="HOST:INSIDE[:rw]", shown=str,
    ),
    Option(
        "docker_env", "a variable of containers", variable, default=(), metavar="NAME=VALUE",
        shown=lambda pair: f"{pair[0]}=***",
    ),
    Option("allow_weak_sandbox", "offer the sandbox rlimits, which keeps no secrets", default=False, is_switch=True),
    Option("allow_network", "let script jobs have the network if they ask for it", default=False, is_switch=True),
    Option(
        "requirements", "install all requirements of script jobs, those with `==` alone, or none (default: allow)",
        choices=tuple(each.value for each in Policy), default="allow",
    ),
    Option(
        "package_index", "where requirements come from: a URL, or a folder of wheels (default: as pip is set up)",
        package_index, default="", metavar="URL|DIR", shown=without_password,
    ),
)  # fmt: skip


def script_settings(values: argparse.Namespace | Any) -> ScriptSettings:
    """What is said of script jobs; raises BadRequest if that contradicts itself."""
    needs_engine = {"--docker-image": values.docker_image, "--build-images": values.build_images}
    for option in (name for name, value in needs_engine.items() if value and not values.docker_url):
        raise BadRequest(
            f"{option} needs a container engine, and --docker-url is empty: name one, such as {DOCKER_URL}"
        )
    return ScriptSettings(
        accept=Accept(values.accept),
        rules=values.accept_rules or (),
        max_jobs=values.max_jobs,
        max_memory_bytes=values.max_memory_gb,
        max_cpu_share=values.max_cpu_percent / 100.0,
        allow_weak=values.allow_weak_sandbox,
        allow_network=values.allow_network,
        image=values.docker_image,
        pull=Pull(values.docker_pull),
        build_images=values.build_images,
        engine=values.docker_url,
        volumes=tuple(values.docker_volume),
        variables=dict(values.docker_env),
        policy=Policy(values.requirements),
        package_index=values.package_index,
    )
