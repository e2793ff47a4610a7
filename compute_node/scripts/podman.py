"""What Podman does otherwise than Docker: it fills places that should be empty, and forbids less of the kernel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

# Where it gives each container room to write, without a limit.
OPEN_PLACES = ("/run", "/var/tmp")

# Where Podman looks for its own profile, too.
_PROFILES = (Path("/etc/containers/seccomp.json"), Path("/usr/share/containers/seccomp.json"))
# Of what Podman lets anybody ask the kernel for, Docker wants a capability for these.
_FORBIDDEN = (
    *("unshare", "setns", "clone", "clone3", "pivot_root"),
    *("mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree"),
    *("fsopen", "fsconfig", "fsmount", "fspick"),
    *("keyctl", "add_key", "request_key"),
)
_NEW_NAMESPACES = 0x7E020000  # the flags of clone that make a namespace: CLONE_NEWNS, NEWCGROUP ... NEWNET
_PROCESSES = {
    "names": ["clone"],
    "action": "SCMP_ACT_ALLOW",
    "args": [{"index": 0, "value": _NEW_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
}


def is_podman(api: Any) -> bool:
    """Whether the engine behind an API is Podman."""
    return any("Podman" in str(part.get("Name")) for part in api.version(api_version=False).get("Components") or ())


def strict_profile(folder: Path) -> list[str]:
    """The option that has Podman forbid what Docker does, by a profile in a file in `folder`.

    Nothing where Podman has its profile built in, and no file to start from: then it stays with that.
    """
    for path in _PROFILES:
        if path.is_file():
            strict = folder / "seccomp.json"
            strict.write_text(json.dumps(stricter(json.loads(path.read_text()))))
            return [f"seccomp={strict}"]
    return []


def stricter(profile: dict[str, Any]) -> dict[str, Any]:
    """A profile that forbids all by default, and now also new namespaces, mounts and keys."""
    rules = [{**rule, "names": [name for name in rule["names"] if name not in _FORBIDDEN]}
             for rule in profile["syscalls"]]  # fmt: skip
    return {**profile, "syscalls": [*(rule for rule in rules if rule["names"]), _PROCESSES]}
