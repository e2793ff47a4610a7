"""The steps of a bundle's Dockerfile, taken inside a container that becomes the image.

It runs by the image's own Python (3.8 or later), and so uses the standard library alone. `plan.json` beside it has the
steps; the bundle is in BUNDLE, to read.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any

BUNDLE = "/job/data/bundle"
KILLED = (-9, 128 + 9)  # a program, and as a shell tells it
LINGER_S = 0.6  # more than two looks of the watchdog


def main() -> int:
    """Take all steps; return 0, or 1 with the reason in the last line."""
    with open("plan.json", encoding="utf-8") as file:
        steps = json.load(file)
    for step in steps:
        print(f"Dockerfile:{step['line']}: {step['shown']}", flush=True)
        try:
            reason = take(step)
        except (OSError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
        if reason:
            print(f"Dockerfile:{step['line']}: {reason}", flush=True)
            return 1
    return 0


def take(step: dict[str, Any]) -> str:
    """Take one step; return why it did not work."""
    if "make" in step:
        os.makedirs(step["make"], exist_ok=True)
        return ""
    if "copy" in step:
        return copy(step["copy"], step["to"], step["is_folder"])
    variables = {"PATH": os.defpath, "HOME": "/root", **step["variables"]}
    status = subprocess.run(step["run"], cwd=step["folder"], env=variables, check=False).returncode
    if status in KILLED:
        # Perhaps for want of memory: the watchdog has to look before the container's groups go.
        time.sleep(LINGER_S)
    if status < 0:
        return f"ended by signal {-status}"
    return f"exit status {status}" if status else ""


def copy(sources: list[str], target: str, is_folder: bool) -> str:
    """Copy files of the bundle, and what is in folders of it; return what is not there."""
    for source in sources:
        found = glob.glob(os.path.join(BUNDLE, source))
        if not found:
            return f"{source!r} is not in the bundle"
        for path in found:
            if os.path.isdir(path):
                shutil.copytree(path, target, dirs_exist_ok=True)
            else:
                into = is_folder or len(found) > 1 or os.path.isdir(target)
                os.makedirs(target if into else os.path.dirname(target), exist_ok=True)
                shutil.copy(path, target)
    return ""


if __name__ == "__main__":
    sys.exit(main())
