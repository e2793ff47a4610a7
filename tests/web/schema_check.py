"""Schemathesis before a real web server, coordinator and node: `python -m tests.web.schema_check PROGRAM [SECONDS]`.

Streams, which have no end, are left out: tests of their own look at them. Who asks for a log may wait 20 s.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2 as httpx

from tests.system.cluster import Cluster, Program, end_spares

_HERE = Path(__file__).parent
_RUN = {
    "data": {"kind": "letters"},
    "rounds": 3,
    "epochs": 1,
    "hidden": [8],
    "eta": 0.05,
    "settings": {"optimizer": "sgd"},
}


def main(program: str, seconds: str = "75") -> int:
    """Check with this program for about so many seconds; return its exit status."""
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder), nodes=1) as cluster:
        web = Program("web.py", "--server", f"127.0.0.1:{cluster.coordinator.port}", "--http-port", "0").serve()
        try:
            return _check(program, f"http://127.0.0.1:{web.port}", seconds)
        finally:
            web.stop()
            print(*(line for line in web.stderr if " ERROR " in line), sep="\n")


def _check(program: str, url: str, seconds: str) -> int:
    httpx.post(f"{url}/api/v1/runs", json=_RUN).raise_for_status()
    httpx.post(f"{url}/api/v1/jobs", json={"code": "print(1)", "settings": {"force_queue": True}}).raise_for_status()
    command = [
        *(program, "--config-file", str(_HERE / "schemathesis.toml")),
        *("run", f"{url}/openapi.json", "--checks", "all", "--phases", "coverage,fuzzing", "--max-time", seconds),
        *(
            "--exclude-path-regex",
            "stream$",
            "--request-timeout",
            "60",
            "--max-response-time",
            "25",
            "--continue-on-failure",
        ),
        *("--generation-deterministic", "--no-color"),
    ]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    finally:
        end_spares()
