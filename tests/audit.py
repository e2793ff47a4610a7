"""python -m tests.audit BIN: what Bandit says of our code, and pip-audit of the versions that we stand on.

pip-audit asks a service of the index. Where none is reachable that is told, and is no failure: nothing was found out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_CHECKOUT = Path(__file__).parents[1]
_CODE = (
    "client",
    "compute_node",
    "coordinator",
    "mlcore",
    "roundhouse",
    "rpc",
    "web",
    *sorted(map(str, _CHECKOUT.glob("*.py"))),
)
_CONSTRAINTS = ("--requirement", "constraints.txt", "--no-deps", "--disable-pip")


def main() -> int:
    folder = Path(sys.argv[1]).absolute()
    return max(_bandit(folder), _pip_audit(folder))


def _bandit(folder: Path) -> int:
    """Whether anything of medium severity or above is neither mended nor excused where it stands."""
    command = [str(folder / "bandit"), "--quiet", "--configfile", "pyproject.toml", "-ll", "--recursive", *_CODE]
    code = subprocess.run(command, cwd=_CHECKOUT).returncode
    print("bandit: nothing of medium severity or above" if not code else "bandit: see above", flush=True)
    return code


def _pip_audit(folder: Path) -> int:
    command = [str(folder / "pip-audit"), *_CONSTRAINTS, "--progress-spinner", "off", "--format", "json"]
    done = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True)
    try:
        versions: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"pip-audit: NOT CHECKED, no service is reachable: {done.stderr.strip().splitlines()[-1:]}")
        return 0
    checked = [each for each in versions if "vulns" in each]
    known = [(each, hole) for each in checked for hole in each["vulns"]]
    for each, hole in known:
        print(f"pip-audit: {each['name']} {each['version']}: {hole['id']}, mended in {hole['fix_versions'] or 'none'}")
    if not checked:
        print(f"pip-audit: NOT CHECKED, the index that is reachable knows of no holes ({len(versions)} versions)")
    else:
        print(f"pip-audit: {len(known)} known holes in {len(checked)} of {len(versions)} versions")
    return 1 if known else 0


if __name__ == "__main__":
    sys.exit(main())
