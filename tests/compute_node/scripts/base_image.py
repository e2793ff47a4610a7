"""An image to start from where no registry is in reach: Debian with Python, made of its packages on this machine."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from compute_node.scripts import engine

_KEPT = Path(sys.prefix) / "base-image.tar"
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


def base_image(url: str, name: str = "localhost/base:1") -> str:
    """The id of the image, there by this name."""
    with closing(engine.connect(url)) as api:
        repository, _, tag = name.rpartition(":")
        said = api.import_image_from_file(str(_archive()), repository=repository, tag=tag)
        image = str(json.loads(said.strip().splitlines()[-1])["status"])
        api.tag(image, repository, tag)  # Podman keeps the name alone
        return image


def _archive() -> Path:
    """Made once for all tests, in half a minute."""
    with open(_KEPT.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _KEPT.exists():
            fresh = _KEPT.with_suffix(".new.tar")
            options = [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
            made = subprocess.run(
                ["mmdebstrap", "--quiet", "--variant=minbase", "--include=python3-venv", *options, "bookworm", fresh],
                capture_output=True, text=True, timeout=300, env=os.environ | {"TMPDIR": "/var/tmp"},
            )  # fmt: skip
            assert made.returncode == 0, made.stderr[-2000:]
            fresh.rename(_KEPT)
    return _KEPT
