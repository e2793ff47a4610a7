"""Schemathesis before a real web server, coordinator and node: `python -m tests.web.schema_check PROGRAM [S [N]]`.

First each route by itself, then one after the other, each with what those before it answered: what was made is asked
for, ended, removed. Of each route there are up to N examples (100), as far as the time suffices. Streams, which have no
end, are left out: tests of their own look at them. Who asks for a log may wait 20 s.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2 as httpx

from tests.system.cluster import Cluster, Program, end_spares

_HERE = Path(__file__).parent
_PHASES = {"coverage,fuzzing": 0.75, "stateful": 0.25}  # and their shares of the time
_RUN = {
    "data": {"kind": "letters"},
    "rounds": 3,
    "epochs": 1,
    "hidden": [8],
    "eta": 0.05,
    "settings": {"optimizer": "sgd"},
}


def main(program: str, seconds: str = "100", examples: str = "100") -> int:
    """Check with this program for at most about so many seconds; return its exit status, which is 0 if all is well."""
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder), nodes=1) as cluster:
        web = Program("web.py", "--server", f"127.0.0.1:{cluster.coordinator.port}", "--http-port", "0").serve()
        try:
            url = f"http://127.0.0.1:{web.port}"
            _start_work(url)
            shares = {phases: round(share * int(seconds)) for phases, share in _PHASES.items()}
            return max(_check(program, url, phases, each, examples) for phases, each in shares.items())
        finally:
            web.stop()
            print(*(line for line in web.stderr if " ERROR " in line), sep="\n")


def _start_work(url: str) -> None:
    httpx.post(f"{url}/api/v1/runs", json=_RUN).raise_for_status()
    httpx.post(f"{url}/api/v1/jobs", json={"code": "print(1)", "settings": {"force_queue": True}}).raise_for_status()


def _check(program: str, url: str, phases: str, seconds: int, examples: str) -> int:
    command = [
        *(program, "--config-file", str(_HERE / "schemathesis.toml")),
        *("run", f"{url}/openapi.json", "--checks", "all", "--phases", phases, "--max-time", str(seconds)),
        *(
            "--exclude-path-regex",
            "stream$",
            "--request-timeout",
            "60",
            "--max-response-time",
            "25",
            "--continue-on-failure",
        ),
        *("--max-examples", examples, "--generation-deterministic", "--no-color"),
    ]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    finally:
        end_spares()
