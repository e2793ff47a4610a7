"""What the values of a script job may be: checked by the client before it sends data, again by the coordinator."""

from __future__ import annotations

import math
import re

from rpc.array_ranges import array_range
from rpc.errors import BadRequest
from rpc.messages import SANDBOXES, ScriptSpec
from rpc.run_spec import MAX_FILE_NAME, MAX_LABELS, MAX_NAME, MAX_PRIORITY
from rpc.selectors import check_select

NETWORKS = ("none", "full")

_DATASET = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*(@sha256:[0-9a-f]{64})?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_AFTER = 100
_MOST_WORDS_BYTES = 32 << 10  # of arguments and variables: a task must fit a small frame with all else
_MOST = {
    "memory_bytes": 1 << 50,
    "gpus": 1024,
    "pids": 1 << 22,
    "disk_bytes": 1 << 50,
    "retries": 1000,
}


def check_script_spec(spec: ScriptSpec) -> None:
    """Return if a job with these values makes sense.

    Raises:
        BadRequest: names the first value that does not, and what it may be.
    """
    if not 1 <= len(spec.name) <= MAX_NAME or not spec.name.isprintable():
        raise BadRequest(f"name must have 1 to {MAX_NAME} characters that can be printed, not {spec.name[:50]!r}")
    _check_choice("network", spec.network, NETWORKS)
    _check_choice("sandbox", spec.sandbox, ("", *SANDBOXES))
    _check_image(spec)
    for name, most in _MOST.items():
        value = getattr(spec, name)
        if not 0 <= value <= most:
            raise BadRequest(f"{name} must be from 0 to {most:,}, not {value}")
    for name, limit in (("timeout_s", 1e9), ("cpus", 1e6)):
        value = getattr(spec, name)
        if not (math.isfinite(value) and 0 <= value <= limit):
            raise BadRequest(f"{name} must be from 0 to {limit:,.0f}, not {value}")
    if not -MAX_PRIORITY <= spec.priority <= MAX_PRIORITY:
        raise BadRequest(f"priority must be from {-MAX_PRIORITY} to {MAX_PRIORITY}, not {spec.priority}")
    for name in ("owner", "key", "image", "main", "requirements"):
        if len(getattr(spec, name)) > MAX_FILE_NAME or not getattr(spec, name).isprintable():
            raise BadRequest(f"{name} must have at most {MAX_FILE_NAME} characters that can be printed")
    if len(spec.select) > MAX_LABELS:
        raise BadRequest(f"select must name at most {MAX_LABELS} labels, not {len(spec.select)}")
    check_select(spec.select)
    _check_words(spec)
    _check_datasets(spec)
    _check_after(spec)
    if spec.array:
        array_range(spec.array)


def _check_image(spec: ScriptSpec) -> None:
    if not spec.image:
        return
    if not _IMAGE.fullmatch(spec.image):
        raise BadRequest(
            f"image {spec.image[:200]!r} is no name of one, as NAME, NAME:TAG or NAME@sha256:... with 64 hex digits are"
        )
    if spec.sandbox not in ("", "docker"):
        raise BadRequest(f"an image needs the sandbox docker, not {spec.sandbox}; leave one of them out")


def _check_words(spec: ScriptSpec) -> None:
    for name in spec.env:
        if not _VARIABLE.fullmatch(name):
            raise BadRequest(f"env: {name[:50]!r} is no name of a variable; it must be letters, digits and _")
    words = [*spec.arguments, *spec.env, *spec.env.values()]
    if any("\0" in word for word in words):
        raise BadRequest("arguments and env must not hold zero bytes")
    try:
        size = sum(len(word.encode()) for word in words)
    except UnicodeEncodeError as error:
        raise BadRequest("arguments and env must be UTF-8; put other bytes into a file of the bundle") from error
    if size > _MOST_WORDS_BYTES:
        raise BadRequest(
            f"arguments and env have {size:,} bytes, of at most {_MOST_WORDS_BYTES:,}; put long ones into the bundle"
        )


def _check_datasets(spec: ScriptSpec) -> None:
    names = [file.file for file in spec.datasets]
    for name in names:
        if not _DATASET.fullmatch(name):
            raise BadRequest(
                f"dataset {name[:50]!r} needs a name of 1 to 100 of a-z 0-9 . _ -, a letter or digit first"
            )
        if names.count(name) > 1:
            raise BadRequest(f"dataset {name} is given twice")


def _check_after(spec: ScriptSpec) -> None:
    if len(spec.after) > MOST_AFTER:
        raise BadRequest(f"a job may come after at most {MOST_AFTER} others, not {len(spec.after)}")
    for text, (name, _) in zip(spec.after, spec.predecessors, strict=True):
        if not name or len(text) > MAX_FILE_NAME or not text.isprintable():
            raise BadRequest(f"after must be JOB, JOB:ok or JOB:any, not {text[:50]!r}")
        if name == spec.key:
            raise BadRequest(f"a job cannot come after itself: {name} is its own key")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BadRequest(f"{name} must be {' or '.join(filter(None, choices))}, not {value[:50]!r}")
